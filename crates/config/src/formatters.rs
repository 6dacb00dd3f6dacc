//! How generators write their messages: the arguments `message_formatter` and the like.

use crate::arguments::{arguments, kinds};
use buildbot_render::Value;

kinds! {
    /// The kinds of formatters.
    pub enum FormatterKind in "buildbot.reporters" {
        /// Nothing.
        Empty(FormatterArguments) = "message.MessageFormatterEmpty",
        /// A function that gives a whole message.
        Raw(RawFunctionArguments) = "message.MessageFormatterFunctionRaw",
        /// A function that gives the text.
        Function(FunctionArguments) = "message.MessageFormatterFunction",
        /// A renderable.
        Renderable(RenderableArguments) = "message.MessageFormatterRenderable",
        /// A template.
        Template(TemplateArguments) = "message.MessageFormatter" | "message.MessageFormatterMissingWorker" | "message.MessageFormatterBaseJinja",
    }
}

arguments! {
    /// Nothing.
    pub struct FormatterArguments {
        ctx: Value = "ctx",
        want_properties: bool = "want_properties" or true,
        want_steps: bool = "want_steps",
        want_logs: bool = "want_logs",
        want_logs_content: bool = "want_logs_content",
    }
}

arguments! {
    /// A function that gives a whole message.
    pub struct RawFunctionArguments {
        function: Value = "function",
        ctx: Value = "ctx",
        want_properties: bool = "want_properties" or true,
        want_steps: bool = "want_steps",
        want_logs: bool = "want_logs",
        want_logs_content: bool = "want_logs_content",
    }
}

arguments! {
    /// A function that gives the text.
    pub struct FunctionArguments {
        function: Value = "function",
        template_type: Value = "template_type",
        ctx: Value = "ctx",
        want_properties: bool = "want_properties" or true,
        want_steps: bool = "want_steps",
        want_logs: bool = "want_logs",
        want_logs_content: bool = "want_logs_content",
    }
}

arguments! {
    /// A renderable.
    pub struct RenderableArguments {
        template: Value = "template",
        subject: Value = "subject",
    }
}

arguments! {
    /// A template.
    pub struct TemplateArguments {
        template: Value = "template",
        subject: Value = "subject",
        template_type: Value = "template_type",
        extra_info_cb: Value = "extra_info_cb",
        ctx: Value = "ctx",
        want_properties: bool = "want_properties" or true,
        want_steps: bool = "want_steps",
        want_logs: bool = "want_logs",
        want_logs_content: bool = "want_logs_content",
    }
}
