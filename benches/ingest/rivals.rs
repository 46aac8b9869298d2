//! The other official clients, where their interpreters are given: `STREAMGAUGE_PYTHON` names a Python with
//! azure-eventhub, `NODE_PATH` a folder with `@azure/event-hubs`.

use std::process::Command;
use std::time::Duration;

use super::BODY;
use super::endpoint::Endpoint;

/// Another client.
#[derive(Clone, Copy)]
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    script: &'static str,
    interpreter: fn() -> Option<String>,
}

/// Those for which there is an interpreter.
pub(crate) fn found() -> impl Iterator<Item = Rival> {
    let python = Rival {
        name: "Python azure-eventhub, full batches",
        script: "eventhubs_send.py",
        interpreter: || std::env::var("STREAMGAUGE_PYTHON").ok(),
    };
    let javascript = Rival {
        name: "JavaScript @azure/event-hubs, full batches",
        script: "eventhubs_send.cjs",
        interpreter: || std::env::var("NODE_PATH").ok().map(|_| "node".into()),
    };
    [python, javascript].into_iter().filter(|rival| (rival.interpreter)().is_some())
}

impl Rival {
    /// Events a second, as the script itself counts them.
    pub(crate) fn run(self, endpoint: &Endpoint, time: Duration) -> Result<f64, String> {
        let interpreter = (self.interpreter)().ok_or("no interpreter")?;
        let script = format!("{}/benches/peers/{}", env!("CARGO_MANIFEST_DIR"), self.script);
        let output = Command::new(&interpreter)
            .arg(script)
            .args([connection_string(endpoint), BODY.to_string(), time.as_secs_f64().to_string()])
            .output()
            .map_err(|error| format!("{interpreter} does not start ({error})"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        said.trim().parse().map_err(|_| {
            let complaint = String::from_utf8_lossy(&output.stderr);
            complaint.lines().last().unwrap_or("it said nothing").to_owned()
        })
    }
}

/// What these clients are given to connect without TLS; they insist on a key, and the endpoint does not look at it.
fn connection_string(endpoint: &Endpoint) -> String {
    let place = endpoint.address.custom_endpoint.as_deref().unwrap_or_default().trim_start_matches("amqp://");
    format!(
        "Endpoint=sb://{place};SharedAccessKeyName=bench;SharedAccessKey=bm9uZQ==;UseDevelopmentEmulator=true;\
         EntityPath={}",
        endpoint.address.hub
    )
}
