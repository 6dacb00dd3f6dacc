//! Both masters with the same configuration and the same things happening to them: events and permissions are the same.

mod permissions;
mod realtime;
