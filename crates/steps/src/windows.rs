//! Tools of Windows: Visual Studio, MSBuild, robocopy.

use buildbot_config::steps::kind::StepKind;
use buildbot_config::steps::windows::{
    MsBuildArguments, RobocopyArguments, VisualStudioArchArguments, VisualStudioArguments,
};
use buildbot_model::Results;
use buildbot_python_regex::Pattern;
use buildbot_render::{Kind, Value};

use crate::command::DecodeRc;
use crate::error::StepError;
use crate::pattern::raise;
use crate::port::{Channel, LogKind};
use crate::shell::{Shell, run_lines};
use crate::step::Step;
use crate::value::text_of;

/// What all versions of Visual Studio have.
#[derive(Debug, Clone)]
struct Arguments {
    installdir: Value,
    mode: Value,
    projectfile: Value,
    config: Value,
    useenv: bool,
    project: Value,
    include: Value,
    lib: Value,
    path: Value,
    arch: Value,
}

impl From<&VisualStudioArguments> for Arguments {
    fn from(given: &VisualStudioArguments) -> Self {
        Self {
            installdir: given.installdir.clone(),
            mode: given.mode.clone(),
            projectfile: given.projectfile.clone(),
            config: given.config.clone(),
            useenv: given.useenv,
            project: given.project.clone(),
            include: given.include.clone(),
            lib: given.lib.clone(),
            path: given.path.clone(),
            arch: "x86".into(),
        }
    }
}

impl From<&VisualStudioArchArguments> for Arguments {
    fn from(given: &VisualStudioArchArguments) -> Self {
        Self {
            installdir: given.installdir.clone(),
            mode: given.mode.clone(),
            projectfile: given.projectfile.clone(),
            config: given.config.clone(),
            useenv: given.useenv,
            project: given.project.clone(),
            include: given.include.clone(),
            lib: given.lib.clone(),
            path: given.path.clone(),
            arch: given.arch.clone(),
        }
    }
}

impl From<&MsBuildArguments> for Arguments {
    fn from(given: &MsBuildArguments) -> Self {
        Self {
            installdir: given.installdir.clone(),
            mode: given.mode.clone(),
            projectfile: given.projectfile.clone(),
            config: given.config.clone(),
            useenv: given.useenv,
            project: given.project.clone(),
            include: given.include.clone(),
            lib: given.lib.clone(),
            path: given.path.clone(),
            arch: "x86".into(),
        }
    }
}

/// Directories of a product below where it is installed.
struct Product {
    installed: &'static str,
    path: &'static [&'static str],
    include: &'static [&'static str],
    lib: &'static [&'static str],
}

const VC6: Product = Product {
    installed: r"C:\Program Files\Microsoft Visual Studio",
    path: &[
        r"\Common\msdev98\BIN",
        r"\VC98\BIN",
        r"\Common\TOOLS\WINNT",
        r"\Common\TOOLS",
    ],
    include: &[r"\VC98\INCLUDE", r"\VC98\ATL\INCLUDE", r"\VC98\MFC\INCLUDE"],
    lib: &[r"\VC98\LIB", r"\VC98\MFC\LIB"],
};

const VC7: Product = Product {
    installed: r"C:\Program Files\Microsoft Visual Studio .NET 2003",
    path: &[
        r"\Common7\IDE",
        r"\VC7\BIN",
        r"\Common7\Tools",
        r"\Common7\Tools\bin",
    ],
    include: &[
        r"\VC7\INCLUDE",
        r"\VC7\ATLMFC\INCLUDE",
        r"\VC7\PlatformSDK\include",
        r"\SDK\v1.1\include",
    ],
    lib: &[
        r"\VC7\LIB",
        r"\VC7\ATLMFC\LIB",
        r"\VC7\PlatformSDK\lib",
        r"\SDK\v1.1\lib",
    ],
};

const VC8: Product = Product {
    installed: "",
    path: &[
        r"\VC\BIN",
        r"\Common7\Tools",
        r"\Common7\Tools\bin",
        r"\VC\PlatformSDK\bin",
        r"\SDK\v2.0\bin",
        r"\VC\VCPackages",
    ],
    include: &[
        r"\VC\INCLUDE",
        r"\VC\ATLMFC\include",
        r"\VC\PlatformSDK\include",
    ],
    lib: &[
        r"\VC\LIB",
        r"\VC\ATLMFC\LIB",
        r"\VC\PlatformSDK\lib",
        r"\SDK\v2.0\lib",
    ],
};

/// Where versions since 8 are installed, by the name of their class.
fn installed(class: &str) -> &'static str {
    match class {
        "VC9" => r"C:\Program Files\Microsoft Visual Studio 9.0",
        "VC10" => r"C:\Program Files\Microsoft Visual Studio 10.0",
        "VC11" => r"C:\Program Files\Microsoft Visual Studio 11.0",
        "VC12" => r"C:\Program Files\Microsoft Visual Studio 12.0",
        "VC14" => r"C:\Program Files (x86)\Microsoft Visual Studio 14.0",
        // The reference has these with doubled backslashes.
        "VC141" => r"C:\\Program Files (x86)\\Microsoft Visual Studio\\2017\\Community",
        "VS2019" => r"C:\\Program Files (x86)\\Microsoft Visual Studio\\2019\\Community",
        "VS2022" => r"C:\\Program Files (x86)\\Microsoft Visual Studio\\2022\\Community",
        _ => r"C:\Program Files\Microsoft Visual Studio 8",
    }
}

/// Variables with what is added to them.
struct Environment(Vec<(Value, Value)>);

impl Environment {
    fn of(step: &Step<'_>) -> Result<Self, StepError> {
        let given = step.shell()?.env.as_dict().unwrap_or_default();
        Ok(Self(given.to_vec()))
    }

    /// Appends a directory to a variable.
    fn add(&mut self, name: &str, directory: &str) {
        let added = format!("{directory};");
        match self
            .0
            .iter_mut()
            .find(|(known, _)| known.as_text() == Some(name))
        {
            Some((_, value)) => {
                let mut text = text_of(value);
                if !text.is_empty() && !text.ends_with(';') {
                    text.push(';');
                }
                text.push_str(&added);
                *value = text.into();
            }
            None => self.0.push((name.into(), added.into())),
        }
    }

    fn add_all(&mut self, name: &str, given: &Value) {
        for directory in given.as_sequence().unwrap_or_default() {
            self.add(name, &text_of(directory));
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known.as_text() != Some(name));
        self.0.push((name.into(), value.into()));
    }
}

fn class_of<'a>(step: &'a Step<'_>) -> &'a str {
    let class = step.config.class();
    class.rsplit('.').next().unwrap_or(class)
}

/// The variables of a product.
fn environment(step: &Step<'_>, arguments: &Arguments) -> Result<Environment, StepError> {
    let class = class_of(step);
    let product = match class {
        "VC6" => &VC6,
        "VC7" => &VC7,
        _ => &VC8,
    };
    let home = match &arguments.installdir {
        given if given.is_true() => text_of(given),
        _ if product.installed.is_empty() => installed(class).to_owned(),
        _ => product.installed.to_owned(),
    };
    let mut env = Environment::of(step)?;
    let is_64 = arguments.arch.as_text() == Some("x64");
    env.add_all("PATH", &arguments.path);
    env.add_all("INCLUDE", &arguments.include);
    env.add_all("LIB", &arguments.lib);
    if product.installed.is_empty() {
        env.add("PATH", &format!(r"{home}\Common7\IDE"));
        if is_64 {
            env.add("PATH", &format!(r"{home}\VC\BIN\x86_amd64"));
        }
    }
    for directory in product.path {
        env.add("PATH", &format!("{home}{directory}"));
    }
    if product.installed.is_empty() {
        env.add("PATH", "${PATH}");
    }
    for directory in product.include {
        env.add("INCLUDE", &format!("{home}{directory}"));
    }
    let suffix = if is_64 { r"\amd64" } else { "" };
    for directory in product.lib {
        env.add("LIB", &format!("{home}{directory}{suffix}"));
    }
    Ok(env)
}

/// `VC6`, `VC7` and its other name.
pub(crate) async fn visual_studio(
    step: &Step<'_>,
    arguments: &VisualStudioArguments,
) -> Result<Results, StepError> {
    studio(step, &Arguments::from(arguments)).await
}

/// `VC8` and later.
pub(crate) async fn visual_studio_arch(
    step: &Step<'_>,
    arguments: &VisualStudioArchArguments,
) -> Result<Results, StepError> {
    studio(step, &Arguments::from(arguments)).await
}

async fn studio(step: &Step<'_>, arguments: &Arguments) -> Result<Results, StepError> {
    let uses_env = arguments.useenv || arguments.include.is_true() || arguments.lib.is_true();
    let mode = arguments.mode.as_text().unwrap_or("rebuild");
    let config = text_of(&arguments.config);
    let mut command: Vec<Value> = Vec::new();
    match class_of(step) {
        "VisualStudio" => {
            return Err(StepError::raise(
                Kind::Type,
                "VisualStudio is not to be used by itself",
            ));
        }
        "VC6" => {
            command.extend([
                "msdev".into(),
                arguments.projectfile.clone(),
                "/MAKE".into(),
            ]);
            command.push(match &arguments.project {
                Value::None => format!("ALL - {config}").into(),
                project => format!("{} - {config}", text_of(project)).into(),
            });
            command.push(
                match mode {
                    "rebuild" => "/REBUILD",
                    "clean" => "/CLEAN",
                    _ => "/BUILD",
                }
                .into(),
            );
            if uses_env {
                command.push("/USEENV".into());
            }
        }
        class => {
            let tool = if class == "VCExpress9" {
                "vcexpress"
            } else {
                "devenv.com"
            };
            command.extend([tool.into(), arguments.projectfile.clone()]);
            command.push(
                match mode {
                    "rebuild" => "/Rebuild",
                    "clean" => "/Clean",
                    _ => "/Build",
                }
                .into(),
            );
            command.push(arguments.config.clone());
            if uses_env {
                command.push("/UseEnv".into());
            }
            if !arguments.project.is_none() {
                command.extend(["/Project".into(), arguments.project.clone()]);
            }
        }
    }
    let env = environment(step, arguments)?;
    let shell = Shell {
        env: env.0,
        ..Shell::of(Value::List(command))
    };
    compile(step, shell).await
}

/// Runs a compiler and counts what it says.
///
/// Differs: lines of Visual Studio are counted one by one; the reference takes all lines that arrive together
/// for one, because it looks for `\r\n` that is not there.
async fn compile(step: &Step<'_>, shell: Shell) -> Result<Results, StepError> {
    let new = |text| Pattern::new(text, 32).map_err(raise);
    let delimiter = new(r"^(\d+>)?-{5}.+-{5}$")?;
    let file = new(r"^(\d+>)?[^ ]+\.(cpp|c)$")?;
    let warning = new(r" ?: warning [A-Z]+[0-9]+:")?;
    let error = new(r" ?error ([A-Z]+[0-9]+)?\s?: ")?;
    let warnings_log = step.add_log("warnings", LogKind::Stream).await?;
    let errors_log = step.add_log("errors", LogKind::Stream).await?;
    let (mut projects, mut files, mut warnings, mut errors) = (0, 0, 0, 0);
    let mut to_warnings: Vec<String> = Vec::new();
    let mut to_errors: Vec<(Channel, String)> = Vec::new();
    let is = |pattern: &Pattern, line: &str| matches!(pattern.search(line), Ok(Some(_)));
    let see = |channel, line: &str| {
        if channel != Channel::Stdout {
            return;
        }
        let whole = format!("{line}\n");
        if is(&delimiter, line) {
            projects += 1;
            to_errors.push((Channel::Stdout, whole.clone()));
            to_warnings.push(whole);
        } else if is(&file, line) {
            files += 1;
        } else if is(&warning, line) {
            warnings += 1;
            to_warnings.push(whole);
        } else if is(&error, line) {
            errors += 1;
            to_errors.push((Channel::Stderr, whole));
        }
    };
    let end = run_lines(step, shell, see).await?;
    for line in to_warnings {
        step.port
            .append(warnings_log, Channel::Stdout, &line)
            .await?;
    }
    for (channel, line) in to_errors {
        step.port.append(errors_log, channel, &line).await?;
    }
    step.port.finish_log(warnings_log).await?;
    step.port.finish_log(errors_log).await?;
    for (name, count) in [
        ("projects", projects),
        ("files", files),
        ("warnings", warnings),
        ("errors", errors),
    ] {
        step.set_statistic(name, count);
    }
    let mut text = format!("compile {projects} projects {files} files");
    if warnings > 0 {
        text.push_str(&format!(" {warnings} warnings"));
    }
    if errors > 0 {
        text.push_str(&format!(" {errors} errors"));
    }
    step.set_summary(text);
    Ok(if end.did_fail() || errors > 0 {
        Results::Failure
    } else if warnings > 0 {
        Results::Warnings
    } else {
        Results::Success
    })
}

/// What the steps of Visual Studio show at their end.
pub(crate) fn summary(step: &Step<'_>, results: Results) -> String {
    if let StepKind::MsBuild(arguments) = &step.arguments.kind
        && matches!(class_of(step), "MsBuild4" | "MsBuild12" | "MsBuild14")
    {
        return format!("built {}", what_is_built(arguments));
    }
    if results == Results::Skipped {
        return results.name().to_owned();
    }
    match step.summary() {
        Some(text) => step.with_results(text, results),
        None => step.shell_summary(results),
    }
}

/// Project, configuration and platform.
fn what_is_built(arguments: &MsBuildArguments) -> String {
    let project = match &arguments.project {
        Value::None => "solution".to_owned(),
        project => text_of(project),
    };
    let (config, platform) = (text_of(&arguments.config), text_of(&arguments.platform));
    format!("{project} for {config}|{platform}")
}

/// `MsBuild4` to `MsBuild17`.
pub(crate) async fn msbuild(
    step: &Step<'_>,
    arguments: &MsBuildArguments,
) -> Result<Results, StepError> {
    let common = Arguments::from(arguments);
    if arguments.platform.is_none() {
        return Err(StepError::of_class(
            "buildbot.config.errors.ConfigErrors",
            "platform is mandatory. Please specify a string such as \"Win32\"",
        ));
    }
    let (config, platform) = (text_of(&arguments.config), text_of(&arguments.platform));
    let mode = arguments.mode.as_text().unwrap_or("rebuild");
    let mut build = format!(
        "msbuild \"{}\" /p:Configuration=\"{config}\" /p:Platform=\"{platform}\" /maxcpucount",
        text_of(&arguments.projectfile)
    );
    let verb = match mode {
        "build" => "Build",
        "clean" => "Clean",
        _ => "Rebuild",
    };
    build.push_str(&match &arguments.project {
        Value::None => format!(" /t:{verb}"),
        project if mode == "rebuild" => format!(" /t:\"{}\"", text_of(project)),
        project => format!(" /t:\"{}:{verb}\"", text_of(project)),
    });
    let defines = arguments.defines.as_sequence().unwrap_or_default();
    if !defines.is_empty() {
        let defines: Vec<String> = defines.iter().map(text_of).collect();
        build.push_str(&format!(" /p:DefineConstants=\"{}\"", defines.join(";")));
    }
    let mut env = Environment::of(step)?;
    env.add_all("PATH", &common.path);
    env.add_all("INCLUDE", &common.include);
    env.add_all("LIB", &common.lib);
    step.set_description(format!("building {}", what_is_built(arguments)));
    let (range, tools) = match class_of(step) {
        "MsBuild12" => ("", "${VS120COMNTOOLS}"),
        "MsBuild14" => ("", "${VS140COMNTOOLS}"),
        "MsBuild141" => ("[15.0,16.0)", ""),
        "MsBuild16" => ("[16.0,17.0)", ""),
        "MsBuild17" => ("[17.0,18.0)", ""),
        _ => ("", "${VS110COMNTOOLS}"),
    };
    if range.is_empty() {
        env.set("VCENV_BAT", &format!(r"{tools}..\..\VC\vcvarsall.bat"));
        let shell = Shell {
            env: env.0,
            ..Shell::of(format!("\"%VCENV_BAT%\" x86 && {build}"))
        };
        return compile(step, shell).await;
    }
    env.set("VCENV_BAT", r"\VC\Auxiliary\Build\vcvarsall.bat");
    for directory in [
        "C:\\Program Files (x86)\\Microsoft Visual Studio\\Installer\\",
        "C:\\Program Files\\Microsoft Visual Studio\\Installer\\",
        "${PATH}",
    ] {
        env.add("PATH", directory);
    }
    let command = format!(
        "FOR /F \"tokens=*\" %%I in ('vswhere.exe -version \"{range}\" -products * -property installationPath')  \
         do \"%%I\\%VCENV_BAT%\" x86 && {build}"
    );
    let shell = Shell {
        env: env.0,
        ..Shell::of(command)
    };
    compile(step, shell).await
}

/// `Robocopy`.
pub(crate) async fn robocopy(
    step: &Step<'_>,
    arguments: &RobocopyArguments,
) -> Result<Results, StepError> {
    let items = |value: &Value| value.as_sequence().unwrap_or_default().to_vec();
    let mut command = vec![
        "robocopy".into(),
        arguments.source.clone(),
        arguments.destination.clone(),
    ];
    command.extend(items(&arguments.files));
    let flag = |command: &mut Vec<Value>, given: bool, words: &[&str]| {
        if given {
            command.extend(words.iter().map(|word| Value::from(*word)));
        }
    };
    flag(&mut command, arguments.recursive, &["/E"]);
    flag(&mut command, arguments.mirror, &["/MIR"]);
    flag(&mut command, arguments.move_files, &["/MOVE"]);
    let mut files = items(&arguments.exclude_files);
    files.extend(items(&arguments.exclude));
    flag(&mut command, !files.is_empty(), &["/XF"]);
    command.extend(files);
    let directories = items(&arguments.exclude_dirs);
    flag(&mut command, !directories.is_empty(), &["/XD"]);
    command.extend(directories);
    flag(&mut command, arguments.verbose, &["/V", "/TS", "/FP"]);
    command.extend(items(&arguments.custom_opts));
    command.extend(["/TEE".into(), "/NP".into()]);
    let meanings = (0..32).map(|code: i64| {
        let results = match code {
            0 | 1 => Results::Success,
            code if code & 24 != 0 => Results::Failure,
            code if code & 6 != 0 => Results::Warnings,
            _ => Results::Exception,
        };
        (Some(code), results)
    });
    let shell = Shell {
        decode_rc: Some(DecodeRc(meanings.collect())),
        ..Shell::of(Value::List(command))
    };
    let end = step.run_shell(shell, None).await?;
    Ok(match end.rc {
        Some(rc) if !(0..32).contains(&rc) => {
            if rc & 24 != 0 {
                Results::Failure
            } else if rc & 6 != 0 {
                Results::Warnings
            } else {
                Results::Exception
            }
        }
        _ => end.results,
    })
}
