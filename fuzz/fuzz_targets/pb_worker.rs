//! A worker's PB session against any master.
#![no_main]

use buildbot_model::Secret;
use buildbot_wire::session::{CommandKey, MasterRequest, TransferRequest, WorkerEvent, WorkerSession};
use buildbot_wire::{Limits, Update, Value, pb};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        message_bytes: 1 << 20,
        message_values: 1 << 16,
        exported_objects: 8,
        outstanding_calls: 20,
        ..Limits::default()
    };
    let password = Secret::new("password".to_owned());
    let mut session = pb::WorkerSession::new("name", &password, limits);
    let mut commands: Vec<CommandKey> = Vec::new();
    for piece in bytes.chunks(61) {
        if session.receive(piece).is_err() {
            return;
        }
        while let Some(event) = session.next_event() {
            if let WorkerEvent::Requested { reply, request } = event {
                match request {
                    MasterRequest::SetBuilderList(list) => {
                        let names: Vec<String> = list.into_iter().map(|(name, _)| name).collect();
                        let _ = session.reply_builders(reply, &names);
                    }
                    MasterRequest::StartCommand { command, .. } => {
                        commands.push(command);
                        session.reply(reply, Ok(Value::None));
                    }
                    _ => session.reply(reply, Ok(Value::from("text"))),
                }
            }
        }
        for command in commands.drain(..) {
            let _ = session.update(command, vec![Update::Rc(0)]);
            let _ = session.transfer(command, TransferRequest::Read { length: 1 });
            let _ = session.complete(command, Ok(()));
        }
        let _ = session.keepalive();
        let _ = session.request_shutdown();
        session.output().take();
    }
});
