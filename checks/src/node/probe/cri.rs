//! Asks a container runtime over the Container Runtime Interface: who it is, how it is, which cgroup driver it uses.
//!
//! What is asked changes nothing: Version, Status and RuntimeConfig of runtime.v1.RuntimeService (kubernetes/cri-api,
//! pkg/apis/runtime/v1/api.proto). The answer is one JSON object, so that it can be kept and judged again.

mod grpc;
mod messages;

use grpc::{Fault, Session};
use messages::{
    RuntimeConfigRequest, RuntimeConfigResponse, StatusRequest, StatusResponse, VersionRequest,
    VersionResponse,
};
use serde_json::{Map, Value, json};
use std::{io, time::Duration};

/// `UNIMPLEMENTED`: what a server of gRPC answers for a service that it does not have (google.rpc.Code).
const UNIMPLEMENTED: u32 = 12;

/// `ok, {…}`; `Err(Ok)` is what went wrong before the runtime said anything: the name of an error, `not gRPC: …`,
/// `no CRI: …`.
pub(super) fn ask(socket: &str, millis: u32) -> io::Result<Result<String, String>> {
    let session = Session::open(socket, Duration::from_millis(millis.into()))?;
    Ok(told(session.run(conversation)))
}

fn told(result: Result<Map<String, Value>, Fault>) -> Result<String, String> {
    match result {
        Ok(told) => Ok(format!("ok, {}", Value::Object(told))),
        Err(Fault::TimedOut) => Err("ETIMEDOUT".to_owned()),
        Err(Fault::Status(UNIMPLEMENTED, message)) => Err(format!("no CRI: {message}")),
        Err(Fault::Status(code, message)) => Err(format!("gRPC status {code}: {message}")),
        Err(Fault::Protocol(why)) => Err(format!("not gRPC: {why}")),
    }
}

/// For fuzz/: the answer where the server says each of these parts as soon as nothing else is to be done.
#[cfg(feature = "fuzzing")]
pub(super) fn ask_script(parts: &[&[u8]]) -> Result<String, String> {
    told(grpc::script(parts, conversation))
}

/// For fuzz/: what is told where every question is answered by these bytes.
#[cfg(feature = "fuzzing")]
pub(super) fn ask_messages(bytes: &[u8]) -> Result<String, String> {
    let wrong = |fault: Fault| fault.to_string();
    let mut told = Map::new();
    told.extend(named("v1", &grpc::unframed::<VersionResponse>(bytes).map_err(wrong)?));
    told.extend(grpc::unframed::<StatusResponse>(bytes).map_err(wrong)?.told());
    told.extend(grpc::unframed::<RuntimeConfigResponse>(bytes).map_err(wrong)?.told());
    Ok(Value::Object(told).to_string())
}

/// One question after the other over one connection.
async fn conversation(client: grpc::Client) -> Result<Map<String, Value>, Fault> {
    let mut told = Map::new();
    let version = match client.call::<_, VersionResponse>("v1", "Version", &VersionRequest::default()).await {
        Err(Fault::Status(UNIMPLEMENTED, message)) => {
            // Runtimes before containerd 1.6 and CRI-O 1.23 know the API of 2020 only.
            let old =
                client.call::<_, VersionResponse>("v1alpha2", "Version", &VersionRequest::default()).await;
            let Ok(version) = old else { return Err(Fault::Status(UNIMPLEMENTED, message)) };
            told.extend(named("v1alpha2", &version));
            return Ok(told);
        }
        other => other?,
    };
    told.extend(named("v1", &version));
    match client.call::<_, StatusResponse>("v1", "Status", &StatusRequest::default()).await {
        Ok(status) => told.extend(status.told()),
        Err(fault) => drop(told.insert("statusFault".to_owned(), fault.to_string().into())),
    }
    match client
        .call::<_, RuntimeConfigResponse>("v1", "RuntimeConfig", &RuntimeConfigRequest::default())
        .await
    {
        Ok(config) => told.extend(config.told()),
        Err(Fault::Status(UNIMPLEMENTED, _)) => drop(told.insert("runtimeConfig".to_owned(), false.into())),
        Err(fault) => drop(told.insert("runtimeConfigFault".to_owned(), fault.to_string().into())),
    }
    Ok(told)
}

fn named(api: &str, version: &VersionResponse) -> [(String, Value); 3] {
    [
        ("api".to_owned(), api.into()),
        ("name".to_owned(), json!(version.runtime_name)),
        ("version".to_owned(), json!(version.runtime_version)),
    ]
}
