//! A cell for each partition: for so many that rows would be a crowd of digits.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Scene;
use crate::model::lag::Lag;
use crate::model::partition::Partition;
use crate::model::status::Status;
use crate::model::units::PartitionId;

/// More partitions than this are drawn as cells.
pub(super) const MOST_ROWS: usize = 32;

/// The width of the number before each row of cells.
const LABEL: u16 = 5;

/// Where each partition has its cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    area: Rect,
    /// Cells in a row.
    wide: usize,
    /// Partitions that share a cell: one, unless there are more than cells.
    share: usize,
    cells: usize,
}

impl Grid {
    /// A grid for so many partitions in at most this area; as low as may be.
    pub(super) fn fitting(area: Rect, partitions: usize) -> Option<Self> {
        let most = usize::from(area.width.checked_sub(LABEL)?);
        // Rows of a round number of cells: numbers at their left are easy to count on from.
        let wide = [128, 96, 64, 48, 32, 16, 8].into_iter().find(|wide| *wide <= most)?;
        let room = wide * usize::from(area.height);
        let share = partitions.div_ceil(room.max(1)).max(1).next_power_of_two();
        let cells = partitions.div_ceil(share);
        let height = u16::try_from(cells.div_ceil(wide)).ok().filter(|height| *height <= area.height)?;
        Some(Self { area: Rect { height, ..area }, wide, share, cells })
    }

    /// Rows that it takes.
    pub(super) fn height(&self) -> u16 {
        self.area.height
    }

    /// Partitions that share a cell.
    pub(super) fn share(&self) -> usize {
        self.share
    }

    fn place(&self, cell: usize) -> (u16, u16) {
        let offset = |value: usize| u16::try_from(value).unwrap_or(0);
        (self.area.x + LABEL + offset(cell % self.wide), self.area.y + offset(cell / self.wide))
    }

    /// The first partition, counted from zero, whose cell is at a place.
    pub(super) fn partition_at(&self, (x, y): (u16, u16)) -> Option<usize> {
        let column = usize::from(x.checked_sub(self.area.x + LABEL)?);
        let row = usize::from(y.checked_sub(self.area.y)?);
        let cell = row * self.wide + column;
        (column < self.wide && cell < self.cells).then_some(cell * self.share)
    }

    /// Draws glyphs and styles, one for each cell, with the number of the first partition before each row.
    fn draw(&self, buffer: &mut Buffer, cells: &[(&'static str, Style)], quiet: Style) {
        for (cell, (glyph, style)) in cells.iter().enumerate() {
            let (x, y) = self.place(cell);
            if cell % self.wide == 0 {
                buffer.set_string(self.area.x, y, format!("{:>4}", cell * self.share), quiet);
            }
            buffer.set_string(x, y, glyph, *style);
        }
    }

    /// Draws the partitions by lag and status: those that are well are quiet dots, and what needs a look stands out.
    pub(super) fn draw_lag(&self, buffer: &mut Buffer, scene: Scene) {
        let Scene { session, state, theme } = scene;
        let now = state.now;
        let events = |partition: &Partition| partition.lag().and_then(Lag::events).unwrap_or(0);
        let most = session.partitions.values().map(events).max().unwrap_or(0).max(1) as f64;
        let partitions: Vec<(PartitionId, &Partition)> = session.partitions.iter().map(|(id, p)| (*id, p)).collect();
        let cells: Vec<(&'static str, Style)> = partitions
            .chunks(self.share)
            .map(|shared| {
                let worst = shared.iter().max_by_key(|(_, partition)| (partition.status(now), events(partition)));
                let Some((_, worst)) = worst else { return (" ", theme.quiet) };
                let status = worst.status(now);
                let (glyph, style) = match status {
                    Status::Ok => ("·", theme.quiet),
                    // A logarithmic scale: a thousand is half-way to a million.
                    Status::Behind | Status::FallingBehind | Status::Draining => {
                        theme.heat((events(worst) as f64).ln_1p() / most.ln_1p())
                    }
                    other => theme.status(other),
                };
                let selected = state.selected.is_some_and(|id| shared.iter().any(|(shared, _)| *shared == id));
                (glyph, if selected { style.patch(theme.selected) } else { style })
            })
            .collect();
        self.draw(buffer, &cells, theme.quiet);
    }

    /// Draws the partitions by the events that come in, from none to the most.
    pub(super) fn draw_ingest(&self, buffer: &mut Buffer, scene: Scene) {
        let Scene { session, state, theme } = scene;
        let rates: Vec<f64> =
            session.partitions.values().map(|partition| partition.ingest.rate(state.now).unwrap_or(0.0)).collect();
        let most = rates.iter().copied().fold(0.0, f64::max);
        let cells: Vec<(&'static str, Style)> = rates
            .chunks(self.share)
            .map(|shared| {
                let rate = shared.iter().copied().fold(0.0, f64::max);
                if rate > 0.0 { theme.heat(rate / most) } else { (" ", theme.quiet) }
            })
            .collect();
        self.draw(buffer, &cells, theme.quiet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_shared_where_there_are_more_partitions_than_room() {
        let area = Rect::new(0, 0, 53, 6);
        let grid = Grid::fitting(area, 64).unwrap();
        assert_eq!((grid.share(), grid.height()), (1, 2));
        let grid = Grid::fitting(area, 2_048).unwrap();
        assert_eq!((grid.share(), grid.height()), (8, 6));
        assert_eq!(grid.partition_at((LABEL, 0)), Some(0));
        assert_eq!(grid.partition_at((LABEL + 2, 1)), Some(8 * 50));
        assert_eq!(grid.partition_at((0, 0)), None);
        assert!(Grid::fitting(Rect::new(0, 0, 10, 5), 64).is_none());
    }
}
