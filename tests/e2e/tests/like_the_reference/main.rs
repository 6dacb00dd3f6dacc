//! Both masters with the same configuration and the same things happening to them: what the
//! front end begins with, events and permissions are the same.

mod boot;
mod permissions;
mod realtime;
