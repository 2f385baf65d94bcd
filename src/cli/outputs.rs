//! Which reports are asked for, and where each goes: `-o FORMAT[=FILE]`.

use super::{
    args::RunArgs,
    exit::{self, Stop},
    output,
};
use clap::{
    Arg, ValueEnum,
    builder::{PossibleValue, TypedValueParser},
    error::ErrorKind,
};
use std::{collections::HashSet, ffi::OsStr, path::PathBuf};

/// How to write a report, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Output {
    /// How.
    pub(super) format: ReportFormat,
    /// The file; standard output where there is none.
    pub(super) file: Option<PathBuf>,
}

/// How to write a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// Text for people
    Human,
    /// One JSON document
    Json,
    /// The same in one line, for logs and for files of many reports
    Ndjson,
    /// The same as YAML
    Yaml,
    /// JUnit XML, for CI systems
    Junit,
    /// The Test Anything Protocol
    Tap,
    /// Metrics for node_exporter's textfile collector
    Prometheus,
    /// SARIF 2.1.0, for what gathers the results of scanners
    Sarif,
    /// As a plugin of Nagios, with its exit codes
    Nagios,
    /// As a plugin of node-problem-detector, with its exit codes
    NodeProblemDetector,
    /// As a condition of a Kubernetes node, PreflightPassed, in one line of JSON
    NodeCondition,
    /// Annotations of a GitHub workflow
    Github,
    /// For comments and job summaries
    Markdown,
    /// One file for browsers, with search and filter
    Html,
    /// Lines as kubeadm prints them, `[ERROR Name]: …`, for what reads its logs
    Kubeadm,
}

/// `FORMAT` or `FORMAT=FILE`.
fn parse_output(text: &str) -> Result<Output, String> {
    let (name, file) = text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
    if file == Some("") {
        return Err(format!("`{text}` names no file"));
    }
    let format = ReportFormat::from_str(name, false).map_err(|_| {
        let names: Vec<String> = formats().map(|value| value.get_name().to_owned()).collect();
        let alike = |one: &&String| strsim::jaro_winkler(one, &name.to_ascii_lowercase());
        let nearest = names.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        let nearest = nearest.map_or("human", String::as_str);
        format!("`{name}` is no format; did you mean `{nearest}`? There are {}", names.join(", "))
    })?;
    Ok(Output { format, file: file.map(PathBuf::from) })
}

fn formats() -> impl Iterator<Item = PossibleValue> {
    ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value)
}

/// Reads [`Output`], and tells help and completions which formats there are.
#[derive(Clone)]
pub(super) struct OutputParser;

impl TypedValueParser for OutputParser {
    type Value = Output;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Output, clap::Error> {
        let text = value.to_str().ok_or_else(|| "the name of a file that is no UTF-8".to_owned());
        text.and_then(parse_output).map_err(|why| {
            clap::Error::raw(ErrorKind::ValueValidation, format!("--output: {why}\n")).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(formats()))
    }
}

/// The reports that are asked for, each with its file; one at most goes to standard output.
pub(super) fn of(args: &RunArgs) -> Result<Vec<Output>, Stop> {
    let usage = |message: String| Stop::new(exit::USAGE, message);
    let mut outputs = args.output.clone();
    let mut without_file = outputs.iter_mut().filter(|output| output.file.is_none());
    let first = without_file.next();
    if without_file.next().is_some() {
        return Err(usage(
            "two reports can't both go to standard output; give one a file: -o human -o json=report.json"
                .to_owned(),
        ));
    }
    match (first, &args.output_file) {
        (Some(output), Some(file)) => output.file = Some(file.clone()),
        (None, Some(_)) => {
            return Err(usage("--output-file: each report has a file already (-o FORMAT=FILE)".to_owned()));
        }
        (_, None) => {}
    }
    let mut seen = HashSet::new();
    for file in outputs.iter().filter_map(|output| output.file.as_deref()) {
        let option = if args.output_file.as_deref() == Some(file) { "--output-file" } else { "-o" };
        output::check_target(file).map_err(|e| usage(format!("{option} {e}")))?;
        if !seen.insert(file) {
            return Err(usage(format!("two reports can't both go to {}", file.display())));
        }
    }
    Ok(outputs)
}
