//! The themes: what is told apart by colour can be told apart by everybody, reads on its ground, and stands on the screen
//! as it did. What a terminal can't show is brought down to what it can.
//!
//! `cargo test --test themes told_apart -- --nocapture` prints what every theme reaches.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on says why")]

mod command;
mod terminal;

use std::io::Read;
use std::process::{Output, Stdio};
use std::time::Duration;

use command::{complaint, out, program};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use streamgauge::model::units::PartitionId;
use streamgauge::recording::player::Player;
use streamgauge::recording::samples::{self, Sample};
use streamgauge::ui::look::{Environment, Look, LookWishes};
use streamgauge::ui::replay::view_of;
use streamgauge::ui::state::{Mode, Panel, ViewState, Zoom};
use streamgauge::ui::theme::colour::{self, Rgb, contrast, distance, linear, oklab, through};
use streamgauge::ui::theme::rendition::{Depth, Glyphs, Rendition};
use streamgauge::ui::theme::{ROLES, Role, Theme, Themes};
use streamgauge::ui::view;
use terminal::Program;
use vt100::Color as Shown;

const COLOURED: [&str; 4] = ["dark", "light", "high-contrast", "colour-blind"];

/// Roles that must be told apart from one another: how things stand, and the three stations.
const TOLD_APART: [&[&str]; 2] = [&["good", "warning", "bad", "stale"], &["ingest", "lag", "serve"]];

/// Roles that are read.
const READ: [&str; 10] = ["strong", "text", "good", "warning", "bad", "ingest", "lag", "serve", "key", "accent"];

/// Roles that are there when looked for.
const QUIET: [&str; 2] = ["quiet", "stale"];

const HEAT: [&str; 5] = ["heat-1", "heat-2", "heat-3", "heat-4", "heat-5"];

fn theme(name: &str) -> Theme {
    Themes::built_in().load(name).expect("it is built in").theme
}

fn style(theme: &Theme, role: &str) -> Style {
    Role::named(role).expect("a role").style(theme)
}

fn ink(theme: &Theme, role: &str) -> Rgb {
    style(theme, role).fg.and_then(colour::rgb).unwrap_or_else(|| panic!("{role} has a colour"))
}

fn ground(theme: &Theme) -> Rgb {
    theme.ground.bg.and_then(colour::rgb).expect("a ground")
}

/// An eye: what becomes of linear light in it.
type Eye = [[f64; 3]; 3];

/// Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (2009), the
/// matrices for a severity of 1.0 (<https://www.inf.ufrgs.br/~oliveira/pubs_files/CVD_Simulation/CVD_Simulation.html>).
const EYES: [(&str, Eye); 3] = [
    ("three cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "deuteranopia",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
    (
        "protanopia",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
];

/// Where a colour stands in Oklab, seen by an eye.
fn seen(eye: &Eye, colour: Rgb) -> [f64; 3] {
    oklab(through(eye, linear(colour)).map(|light| light.clamp(0.0, 1.0)))
}

/// The two of a group that are hardest to tell apart, and how far apart they are.
fn hardest(theme: &Theme, eye: &Eye, pairs: impl Iterator<Item = (&'static str, &'static str)>) -> (f64, String) {
    let far = |(a, b): (&str, &str)| (distance(seen(eye, ink(theme, a)), seen(eye, ink(theme, b))), format!("{a}/{b}"));
    pairs.map(far).min_by(|a, b| a.0.total_cmp(&b.0)).expect("a pair")
}

fn pairs(group: &'static [&'static str]) -> impl Iterator<Item = (&'static str, &'static str)> {
    group.iter().enumerate().flat_map(|(at, a)| group[at + 1..].iter().map(|b| (*a, *b)))
}

/// In Oklab about 0.02 can just be seen side by side; five times that is told apart at a glance, across the screen.
const AT_A_GLANCE: f64 = 0.1;

/// With three cones, every theme; without red or green cones, the one that promises it. What the others reach is printed.
#[test]
fn what_must_be_told_apart_is_told_apart_by_every_eye() {
    for name in COLOURED {
        let theme = theme(name);
        for (eye_name, eye) in &EYES {
            let neighbours = HEAT.windows(2).map(|pair| (pair[0], pair[1]));
            let [status, station] = TOLD_APART.map(|group| hardest(&theme, eye, pairs(group)));
            let heat = hardest(&theme, eye, neighbours);
            println!("{name:<14} {eye_name:<13} {status:.3?} {station:.3?} {heat:.3?}");
            let promised = match (name, *eye_name) {
                ("colour-blind", _) => AT_A_GLANCE,
                // Their stations have titles and places of their own, and hues that are close on purpose.
                (_, "three cones") => 0.08,
                _ => 0.0,
            };
            for (reached, pair) in [status, station, heat] {
                assert!(reached >= promised, "{name}, {eye_name}: {pair} are {reached:.3} apart");
            }
        }
    }
}

/// A ramp that grows lighter or darker all the way says more and less without any hue.
#[test]
fn the_heat_of_the_safe_theme_grows_by_lightness_alone() {
    let theme = theme("colour-blind");
    for (name, eye) in &EYES {
        let lightness = HEAT.map(|role| seen(eye, ink(&theme, role))[0]);
        assert!(lightness.windows(2).all(|pair| pair[1] - pair[0] >= 0.08), "{name}: {lightness:.2?}");
    }
}

/// The least contrasts of WCAG 2.2: 4.5 for text (AA), 7 for it where contrast is the point (AAA), 3 for what is not read
/// as text (1.4.11).
#[test]
fn everything_reads_on_its_ground() {
    for name in COLOURED {
        let theme = theme(name);
        let (read, quiet) = if name == "high-contrast" { (7.0, 7.0) } else { (4.5, 3.0) };
        let expected = READ.map(|role| (role, read)).into_iter().chain(QUIET.map(|role| (role, quiet)));
        let mut least = (f64::MAX, "");
        for (role, wanted) in expected.chain(HEAT.map(|role| (role, 3.0))) {
            let of_256 = |colour| if let Color::Indexed(_) = colour { colour::rgb(colour) } else { None };
            let nearest = of_256(colour::nearest_indexed(ink(&theme, role))).expect("one of the 256");
            let on = of_256(colour::nearest_indexed(ground(&theme))).expect("one of the 256");
            let coarse = contrast(nearest, on);
            assert!(
                coarse >= wanted * 0.9,
                "{name}: {role} reads at {coarse:.2} of 256 colours, not at about {wanted}"
            );
            let reached = contrast(ink(&theme, role), ground(&theme));
            assert!(reached >= wanted, "{name}: {role} reads at {reached:.2}, not at {wanted}");
            if reached < least.0 {
                least = (reached, role);
            }
            // The row that is selected keeps its colours on another ground.
            if let Some(selected) = theme.selected.bg.and_then(colour::rgb) {
                let reached = contrast(ink(&theme, role), selected);
                assert!(HEAT.contains(&role) || reached >= 3.0, "{name}: {role} reads at {reached:.2} where selected");
            }
        }
        println!("{name:<14} reads at {:.1} ({}) or better", least.0, least.1);
        let caption = theme.caption.bg.and_then(colour::rgb).expect("a ground");
        assert!(contrast(ink(&theme, "caption"), caption) >= 7.0, "{name}: a caption is read from the last row");
    }
}

/// Fewer colours, and still no two statuses and no two stations in one.
#[test]
fn fewer_colours_keep_apart_what_is_told_apart() {
    for name in COLOURED {
        let theme = theme(name);
        for (depth, groups) in [(Depth::Indexed, &TOLD_APART[..]), (Depth::Sixteen, &TOLD_APART[..])] {
            for group in groups {
                for (a, b) in pairs(group) {
                    let (a_is, b_is) = (reduced(style(&theme, a), depth), reduced(style(&theme, b), depth));
                    assert_ne!(a_is, b_is, "{name} at {depth:?}: {a} and {b}");
                }
            }
        }
    }
}

/// Soft colours come down to few: on the row that is selected, none may come down to its ground.
#[test]
fn of_sixteen_colours_none_is_lost_on_its_ground() {
    for name in COLOURED {
        let theme = theme(name);
        for role in READ.iter().chain(&QUIET).chain(&HEAT) {
            for ground in [theme.ground, theme.selected] {
                let Style { fg, bg, .. } = reduced(style(&theme, role).patch(ground), Depth::Sixteen);
                if let (Some(ink), Some(ground)) = (fg.and_then(colour::rgb), bg.and_then(colour::rgb)) {
                    let reached = contrast(ink, ground);
                    assert!(reached >= 3.0, "{name}: {role} reads at {reached:.2} on {ground:?}");
                }
            }
        }
    }
}

/// A style at a depth.
fn reduced(style: Style, depth: Depth) -> Style {
    let mut cell = Buffer::empty(Rect::new(0, 0, 1, 1));
    cell.set_string(0, 0, "x", style);
    Rendition { depth, glyphs: Glyphs::Unicode }.apply(&mut cell);
    cell.content()[0].style()
}

/// As a theme file would have it.
fn in_words(style: Style) -> String {
    let colour = |colour: Color| match colour {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Indexed(index) => index.to_string(),
        named => format!("{named}").to_lowercase(),
    };
    let attributes = [
        (Modifier::BOLD, "bold"),
        (Modifier::DIM, "dim"),
        (Modifier::ITALIC, "italic"),
        (Modifier::UNDERLINED, "underlined"),
        (Modifier::REVERSED, "reversed"),
    ];
    let mut words: Vec<String> = Vec::new();
    words
        .extend(attributes.iter().filter(|(bit, _)| style.add_modifier.contains(*bit)).map(|(_, word)| (*word).into()));
    words.extend(style.fg.filter(|it| *it != Color::Reset).map(colour));
    words.extend(style.bg.filter(|it| *it != Color::Reset).map(|ground| format!("on {}", colour(ground))));
    if words.is_empty() { "plain".into() } else { words.join(" ") }
}

const DEPTHS: [(&str, Depth); 4] =
    [("truecolor", Depth::TrueColour), ("256", Depth::Indexed), ("16", Depth::Sixteen), ("none", Depth::None)];

/// A line for each role, a column for each depth.
#[test]
fn each_role_at_each_depth_is_as_it_was() {
    for name in Themes::built_in().names() {
        let theme = theme(&name);
        let mut table = format!("{:<10}", "role");
        table += &DEPTHS.map(|(depth, _)| format!("{depth:<34}")).concat();
        for role in &ROLES {
            let row = DEPTHS.map(|(_, depth)| {
                let painted = role.name != "ground" || depth != Depth::None;
                let words = if painted { in_words(reduced(role.style(&theme), depth)) } else { "not painted".into() };
                format!("{words:<34}")
            });
            table = format!("{}\n{:<10}{}", table.trim_end(), role.name, row.concat());
        }
        insta::assert_snapshot!(format!("roles-{name}"), table.trim_end());
    }
}

/// Moments of samples, each with its size: something in need of a person, and something of everything.
const FRAMES: [(&str, u64, (u16, u16)); 3] =
    [("stuck", 95, (80, 24)), ("throttled", 75, (120, 36)), ("outage", 34, (80, 24))];

/// A moment of a sample, to be drawn in themes.
struct Moment {
    name: String,
    size: (u16, u16),
    player: Player,
    state: ViewState,
}

impl Moment {
    fn all() -> impl Iterator<Item = Self> {
        FRAMES.into_iter().map(|(name, second, size)| {
            let mut player = Sample::named(name).expect("it is there").play().expect("a player");
            // Once it is read to its end, it is known when it begins.
            player.session_at(player.span().1).expect("the end");
            let at = player.span().0.after(Duration::from_secs(second));
            player.session_at(at).expect("a session");
            let state = ViewState { now: at, mode: Mode::Live, ..view_of(&player) };
            Self { name: format!("{name}-{second}s-{}x{}", size.0, size.1), size, player, state }
        })
    }

    fn draw(&self, theme: &Theme) -> Buffer {
        let area = Rect::new(0, 0, self.size.0, self.size.1);
        let mut frame = Buffer::empty(area);
        view::draw(area, &mut frame, self.player.session(), &self.state, theme);
        frame
    }
}

/// The look that flags ask for.
fn look(flags: &LookWishes) -> Look {
    let environment = Environment::default();
    Look::choose(flags, &LookWishes::default(), &environment, &Themes::built_in()).expect("a look")
}

/// A letter for each role, in the order of [`ROLES`].
const LETTERS: &str = ".stqgwbxilvkaec12345";

/// A theme in which each role has a colour that no other has, to find the roles of cells by.
fn marked() -> Theme {
    let mut file = String::from("parent = \"mono\"\nground = \"plain\"\n");
    for (number, role) in ROLES.iter().enumerate().skip(1) {
        file += &format!("{} = \"{}{}\"\n", role.name, if role.name == "strong" { "bold " } else { "" }, 100 + number);
    }
    let (_kept, path) = theme_file(&file);
    Themes::built_in().load(&path).expect("it parses").theme
}

/// The role of a cell in the marked theme, and whether it is bold besides.
fn role_of(cell: &Cell) -> Option<(usize, bool)> {
    match cell.fg {
        Color::Indexed(number) => Some((usize::from(number) - 100, cell.modifier.contains(Modifier::BOLD))),
        _ => None,
    }
}

/// Which role each cell has, whatever the theme: a letter each, a capital where it is bold besides. With the table of the
/// roles this is every frame in every theme, at every depth; the test below makes sure of it.
#[test]
fn the_roles_of_a_frame_are_as_they_were() {
    let mut legend = String::new();
    for (letter, role) in LETTERS.chars().zip(&ROLES).skip(1) {
        legend += &format!("\n{letter}  {}", role.name);
    }
    for moment in Moment::all() {
        let frame = moment.draw(&marked());
        let rows = frame.content().chunks(usize::from(moment.size.0)).map(|row| {
            let letter = |cell: &Cell| {
                let role = role_of(cell).filter(|_| cell.symbol() != " ");
                let letter = role.map_or('.', |(role, _)| LETTERS.chars().nth(role).expect("a letter"));
                if role.is_some_and(|(_, bold)| bold) { letter.to_ascii_uppercase() } else { letter }
            };
            row.iter().map(letter).collect::<String>()
        });
        let map = rows.collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(format!("cells-{}", moment.name), format!("{map}\n{legend}"));
    }
}

/// Without colour alone attributes of one role shine through those of the next, so `mono` is left out.
#[test]
fn a_frame_in_a_theme_is_its_roles_in_that_theme() {
    for moment in Moment::all() {
        let name = &moment.name;
        let marked = moment.draw(&marked());
        for theme_name in COLOURED {
            let theme = theme(theme_name);
            let drawn = moment.draw(&theme);
            for (_, depth) in DEPTHS {
                let look = look(&LookWishes { theme: Some(theme_name.into()), colour: Some(depth), ascii: None });
                let mut finished = drawn.clone();
                look.finish(&mut finished);
                let mut expected = drawn.clone();
                for (cell, mark) in expected.content.iter_mut().zip(marked.content()) {
                    cell.fg = Color::Reset;
                    (cell.bg, cell.modifier) = (Color::Reset, Modifier::empty());
                    if let Some((role, bold)) = role_of(mark) {
                        cell.set_style(ROLES[role].style(&theme));
                        cell.modifier |= if bold { Modifier::BOLD } else { Modifier::empty() };
                    }
                }
                look.finish(&mut expected);
                for (at, (expected, found)) in expected.content().iter().zip(finished.content()).enumerate() {
                    // A blank shows its ground alone.
                    let same = if found.symbol() == " " { expected.bg == found.bg } else { expected == found };
                    assert!(same, "{theme_name} at {depth:?}, cell {at} of {name}: {expected:?} {found:?}");
                }
            }
        }
    }
}

#[test]
fn a_frame_in_ascii_is_as_it_was() {
    let look = look(&LookWishes { ascii: Some(true), ..LookWishes::default() });
    for moment in Moment::all() {
        let mut frame = moment.draw(look.theme(None));
        look.finish(&mut frame);
        let text = streamgauge::ui::theme::text::plain(&frame).join("\n");
        insta::assert_snapshot!(format!("ascii-{}", moment.name), text);
    }
}

const PANELS: [Panel; 5] = [Panel::Ingest, Panel::Lag, Panel::Serve, Panel::Timeline, Panel::Log];

#[test]
fn in_ascii_every_cell_of_every_frame_is_ascii() {
    let ascii = Rendition { depth: Depth::TrueColour, glyphs: Glyphs::Ascii };
    let mut cells = 0;
    for sample in samples::ALL {
        let mut player = sample.play().expect("a player");
        let (first, last) = player.span();
        for seconds in (0..last.since(first).as_secs()).step_by(30) {
            let at = first.after(Duration::from_secs(seconds));
            player.session_at(at).expect("a session");
            let usual = ViewState { now: at, ..view_of(&player) };
            let zoomed = PANELS.map(Zoom::Panel).into_iter().chain([Zoom::Partition(PartitionId(1))]);
            let states = [ViewState { help: true, ..usual.clone() }, ViewState { big: true, ..usual.clone() }];
            let zoomed = zoomed.map(|zoom| ViewState { zoom, ..usual.clone() });
            for state in [usual.clone()].into_iter().chain(states).chain(zoomed) {
                for (width, height) in [(40, 8), (80, 24), (120, 36), (200, 60)] {
                    let area = Rect::new(0, 0, width, height);
                    let mut frame = Buffer::empty(area);
                    view::draw(area, &mut frame, player.session(), &state, &Theme::dark());
                    let before = frame.clone();
                    ascii.apply(&mut frame);
                    for (was, cell) in before.content().iter().zip(frame.content()) {
                        let symbol = cell.symbol();
                        assert!(
                            symbol.len() == 1 && (' '..='~').contains(&char::from(symbol.as_bytes()[0])),
                            "{symbol:?}"
                        );
                        let known = symbol != "?" || was.symbol() == "?";
                        assert!(known, "{:?} has no glyph in ASCII", was.symbol());
                        let mut unchanged = was.clone();
                        unchanged.set_symbol(symbol);
                        assert_eq!(cell, &unchanged, "nothing else changes");
                    }
                    cells += frame.content().len();
                }
            }
        }
    }
    assert!(cells > 1_000_000, "{cells}");
}

/// At a terminal that could show everything.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = program(arguments);
    command.env_remove("NO_COLOR").env("LC_ALL", "C.UTF-8").envs(variables.iter().copied());
    command.output().expect("the program starts")
}

#[test]
fn themes_are_listed_with_swatches_and_a_sample() {
    let output = run(&["themes"], &[("XDG_CONFIG_HOME", "/nowhere")]);
    assert!(output.status.success(), "{}", complaint(&output));
    let listed = out(&output);
    assert!(!listed.contains('\x1b'), "plain where nobody asked for colours and there is no terminal");
    for name in Themes::built_in().names() {
        assert!(listed.lines().any(|line| line.starts_with(&format!(" {name}  "))), "{name}: {listed}");
    }
    assert_eq!(listed.matches("■ STALLED").count(), 5, "a sample each: {listed}");

    let coloured = out(&run(&["themes", "dark", "--colour", "truecolor"], &[("NO_COLOR", "1")]));
    assert!(coloured.contains("\x1b[38;2;140;194;101"), "a flag goes before NO_COLOR: {coloured:?}");
    let ascii = out(&run(&["themes", "mono", "--ascii"], &[]));
    assert!(ascii.is_ascii() && ascii.contains("# bad"), "{ascii}");
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let mut child = program(&["themes", "--colour", "truecolor"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut first = [0; 4];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("something");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{}", complaint(&output));
}

/// A theme file in a folder of its own, and the path of it.
fn theme_file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, text).expect("a file");
    let path = path.to_str().expect("a path").to_owned();
    (folder, path)
}

#[test]
fn a_bad_theme_is_one_sentence() {
    let (folder, unknown_role) = theme_file("good = \"green\"\nacent = \"blue\"\n");
    let (_kept_too, colour) = theme_file("\nbad = \"#12345\"\n");
    let (_kept_three, circle) = theme_file("parent = \"./mine.toml\"");
    let (_kept_four, no_toml) = theme_file("this is no TOML");
    let directory = folder.path().to_str().expect("a path");
    let cases: [(&[&str], i32, &str); 9] = [
        (&["themes", "drak"], 2, "there is no theme \"drak\"; did you mean `dark`?"),
        (&["themes", "zzz"], 2, "there are dark, light, high-contrast, colour-blind, mono"),
        (&["themes", &unknown_role], 1, "mine.toml, line 2: unknown key `acent`; did you mean `accent`?"),
        (&["themes", &colour], 1, "mine.toml, line 2: bad: `#12345` is not a colour"),
        (&["themes", &circle], 1, "mine.toml, line 1: the parents go round in a circle (mine, mine)"),
        (&["themes", &no_toml], 1, "mine.toml, line 1: "),
        (&["themes", directory], 1, "could not be read ("),
        (&["themes", "dark", "--colour", "8"], 2, "invalid value '8' for '--colour <DEPTH>'"),
        (&["replay", "steady", "--color", "many"], 2, "invalid value 'many' for '--colour <DEPTH>'"),
    ];
    for (arguments, code, expected) in cases {
        let output = run(arguments, &[]);
        let sentence = complaint(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {sentence}");
        assert!(sentence.starts_with("streamgauge: ") && sentence.contains(expected), "{arguments:?}: {sentence}");
        assert_eq!(sentence.lines().count(), 1, "{arguments:?}: {sentence}");
    }
}

const SIZE: (u16, u16) = (120, 36);

fn shown(theme: &Theme, role: &str) -> Shown {
    let [r, g, b] = ink(theme, role);
    Shown::Rgb(r, g, b)
}

#[test]
fn a_dumb_terminal_and_a_wrong_name_get_a_sentence_and_no_screen() {
    const DUMB: (&str, &str) = ("TERM", "dumb");
    let cases: [(&[&str], (&str, &str), &str); 4] = [
        (&["replay", "steady"], DUMB, "the screen needs a terminal that can place text, and TERM=dumb"),
        (&["local"], DUMB, "the screen needs a terminal that can place text, and TERM=dumb"),
        (
            &["replay", "steady", "--theme", "drak"],
            ("TERM", "xterm"),
            "there is no theme \"drak\"; did you mean `dark`?",
        ),
        (&["local", "--theme", "./nowhere.toml"], ("TERM", "xterm"), "./nowhere.toml could not be read ("),
    ];
    for (arguments, variable, expected) in cases {
        let mut program = Program::start_with(arguments, SIZE, &[variable]);
        assert_eq!(program.end().exit_code(), 2, "{arguments:?}: {}", program.screen());
        let screen = program.screen().replace('\n', "");
        assert!(screen.starts_with("streamgauge: ") && screen.contains(expected), "{arguments:?}: {screen}");
    }
}

#[test]
fn a_theme_file_with_a_mistake_is_said_on_the_screen_and_the_usual_theme_serves() {
    let (_kept, path) = theme_file("acent = \"blue\"\n");
    let mut program = Program::start_with(&["replay", "steady", "--theme", &path], (200, 60), &[]);
    program.wait_for("the notice", |screen| screen.contains("mine.toml, line 1: unknown key `acent`"));
    program.wait_for("the screen", |screen| screen.contains("Ingest"));
    assert_eq!(program.colour_of("streamgauge"), Some(shown(&Theme::dark(), "strong")));
    program.press("q");
    assert!(program.end().success());
}

/// The question, and what a light terminal answers.
const QUESTION: &[u8] = b"\x1b]11;?";
const LIGHT: &str = "\x1b]11;rgb:fafa/fafa/f7f7\x1b\\";

#[test]
fn a_light_terminal_gets_the_light_theme_and_no_key_is_lost() {
    let mut program = Program::start_with(&["replay", "steady"], SIZE, &[]);
    program.wait_for_bytes(QUESTION);
    // A space pauses the replay.
    program.press(&format!(" {LIGHT}"));
    program.wait_for("a replay that stands still", |screen| screen.contains('‖'));
    assert_eq!(program.colour_of("streamgauge"), Some(shown(&Theme::light(), "strong")));
    program.press("q");
    assert!(program.end().success());
}

#[test]
fn an_answer_that_comes_late_is_not_taken_for_keys() {
    let mut program = Program::start_with(&["replay", "steady"], SIZE, &[]);
    program.wait_for("the screen", |screen| screen.contains("Ingest"));
    assert_eq!(program.colour_of("streamgauge"), Some(shown(&Theme::dark(), "strong")));
    program.press(LIGHT);
    // As keys, `g` and `r` would have opened a prompt and more.
    program.press(" ");
    program.wait_for("a replay that stands still", |screen| screen.contains('‖'));
    assert!(!program.screen().contains("go to ("), "{}", program.screen());
    assert_eq!(program.colour_of("streamgauge"), Some(shown(&Theme::light(), "strong")));
    program.press("q");
    assert!(program.end().success());
}

#[test]
fn no_colour_means_none() {
    let mut program = Program::start_with(&["replay", "stuck"], SIZE, &[("NO_COLOR", "1"), ("LC_ALL", "C")]);
    program.wait_for("the screen, in ASCII", |screen| screen.contains(". Ingest -") && screen.is_ascii());
    assert_eq!(program.colour_of("streamgauge"), Some(Shown::Default));
    program.press("q");
    assert!(program.end().success());
}
