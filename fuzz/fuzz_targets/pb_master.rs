//! A master's PB session against any worker.
#![no_main]

use buildbot_model::Secret;
use buildbot_wire::session::{
    CommandKey, CommandStart, MasterEvent, MasterRequest, MasterSession, TransferEnd,
};
use buildbot_wire::{Limits, Value, pb};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits {
        message_bytes: 1 << 20,
        message_values: 1 << 16,
        exported_objects: 8,
        outstanding_calls: 20,
        ..Limits::default()
    };
    let mut session = pb::MasterSession::new([7; 16], limits);
    for (number, piece) in bytes.chunks(61).enumerate() {
        if session.receive(piece).is_err() {
            return;
        }
        while let Some(event) = session.next_event() {
            match event {
                MasterEvent::LoginRequested { .. } => {
                    let _ = session.verify(&Secret::new("password".to_owned()));
                    let _ = session.request(MasterRequest::WorkerInfo);
                    let builders = vec![("b".to_owned(), "b".to_owned())];
                    let _ = session.request(MasterRequest::SetBuilderList(builders));
                    let _ = session.accept_login();
                }
                MasterEvent::Keepalive { reply }
                | MasterEvent::ShutdownRequested { reply }
                | MasterEvent::Updated { reply, .. }
                | MasterEvent::Completed { reply, .. }
                | MasterEvent::Transferring { reply, .. } => session.reply(reply, Ok(Value::None)),
                MasterEvent::Answered { .. } | MasterEvent::Closed | MasterEvent::Noticed(_) => {}
            }
        }
        let _ = session.start_command(CommandStart {
            command: CommandKey(number as u64),
            id: number.to_string(),
            builder: Some("b".to_owned()),
            name: "uploadFile".to_owned(),
            args: Vec::new(),
            transfer: Some(TransferEnd::Writer),
        });
        session.output().take();
    }
});
