//! Steps that need no worker.

use buildbot_model::Secret;

use crate::arguments::arguments;
use buildbot_render::Value;

arguments! {
    /// What is triggered.
    pub struct TriggerArguments {
        scheduler_names: Value = "schedulerNames",
        source_stamp: Value = "sourceStamp",
        source_stamps: Value = "sourceStamps",
        update_source_stamp: Value = "updateSourceStamp",
        always_use_latest: Value = "alwaysUseLatest" or Value::Bool(false),
        wait_for_finish: Value = "waitForFinish" or Value::Bool(false),
        set_properties: Value = "set_properties",
        copy_properties: Value = "copy_properties",
        parent_relationship: Value = "parent_relationship" or "Triggered from".into(),
        unimportant_scheduler_names: Value = "unimportantSchedulerNames",
    }
}

arguments! {
    /// What the master runs.
    pub struct MasterShellCommandArguments {
        command: Value = "command",
        env: Value = "env",
        use_pty: Value = "usePTY" or Value::Int(0),
        interrupt_signal: Value = "interruptSignal" or "KILL".into(),
        log_environ: bool = "logEnviron" or true,
        runtime_timeout: Value = "runtime_timeout" or Value::Int(3600),
    }
}

arguments! {
    /// A property.
    pub struct SetPropertyArguments {
        property: Value = "property",
        value: Value = "value",
    }
}

arguments! {
    /// Properties.
    pub struct SetPropertiesArguments {
        properties: Value = "properties",
    }
}

arguments! {
    /// What must be true.
    pub struct AssertArguments {
        check: Value = "check",
    }
}

arguments! {
    /// What is logged.
    pub struct LogRenderableArguments {
        content: Value = "content",
    }
}

arguments! {
    /// A request.
    pub struct HttpArguments {
        url: Value = "url",
        method: Value = "method",
        hide_request_headers: Value = "hide_request_headers",
        hide_response_headers: Value = "hide_response_headers",
        params: Value = "params",
        data: Value = "data",
        json: Value = "json",
        headers: Value = "headers",
        cookies: Value = "cookies",
        files: Value = "files",
        auth: Secret<Value> = "auth" or Secret::new(Value::None),
        timeout: Value = "timeout",
        allow_redirects: Value = "allow_redirects",
        proxies: Value = "proxies",
        hooks: Value = "hooks",
        stream: Value = "stream",
        verify: Value = "verify",
        cert: Value = "cert",
    }
}
