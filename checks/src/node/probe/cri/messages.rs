//! The messages of the Container Runtime Interface that are asked and answered; fields that nobody needs are passed over.
//!
//! Numbers and names: kubernetes/cri-api pkg/apis/runtime/v1/api.proto, up to 1.36. v1alpha2 has the same Version.

use serde_json::{Map, Value, json};

/// Nothing has to be said: the kubelet fills in the version of its own API, which runtimes pass over.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VersionRequest {
    #[prost(string, tag = "1")]
    pub(super) version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VersionResponse {
    #[prost(string, tag = "2")]
    pub(super) runtime_name: String,
    #[prost(string, tag = "3")]
    pub(super) runtime_version: String,
}

/// Not verbose.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StatusRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<RuntimeStatus>,
    #[prost(message, repeated, tag = "3")]
    runtime_handlers: Vec<RuntimeHandler>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RuntimeStatus {
    #[prost(message, repeated, tag = "1")]
    conditions: Vec<RuntimeCondition>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RuntimeCondition {
    #[prost(string, tag = "1")]
    r#type: String,
    #[prost(bool, tag = "2")]
    status: bool,
    #[prost(string, tag = "3")]
    reason: String,
    #[prost(string, tag = "4")]
    message: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct RuntimeHandler {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    features: Option<RuntimeHandlerFeatures>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct RuntimeHandlerFeatures {
    #[prost(bool, tag = "1")]
    recursive_read_only_mounts: bool,
    #[prost(bool, tag = "2")]
    user_namespaces: bool,
}

impl StatusResponse {
    /// `conditions` and, where the runtime tells them, `handlers`.
    pub(super) fn told(&self) -> Map<String, Value> {
        let conditions = self.status.iter().flat_map(|status| &status.conditions).map(
            |c| json!({ "type": c.r#type, "status": c.status, "reason": c.reason, "message": c.message }),
        );
        let mut told = Map::new();
        told.insert("conditions".to_owned(), conditions.collect());
        let handlers = self.runtime_handlers.iter().map(|handler| {
            let features = handler.features.unwrap_or_default();
            let features = json!({
                "recursiveReadOnlyMounts": features.recursive_read_only_mounts,
                "userNamespaces": features.user_namespaces,
            });
            // The default handler has no name (api.proto, RuntimeHandler).
            (handler.name.clone(), features)
        });
        if !self.runtime_handlers.is_empty() {
            told.insert("handlers".to_owned(), Value::Object(handlers.collect()));
        }
        told
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RuntimeConfigRequest {}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct RuntimeConfigResponse {
    #[prost(message, optional, tag = "1")]
    linux: Option<LinuxRuntimeConfiguration>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct LinuxRuntimeConfiguration {
    /// SYSTEMD is 0, CGROUPFS 1; systemd is what an answer without the field means.
    #[prost(int32, tag = "1")]
    cgroup_driver: i32,
}

impl RuntimeConfigResponse {
    pub(super) fn told(self) -> Map<String, Value> {
        let driver = self.linux.and_then(|linux| match linux.cgroup_driver {
            0 => Some("systemd"),
            1 => Some("cgroupfs"),
            _ => None,
        });
        Map::from_iter([
            ("runtimeConfig".to_owned(), true.into()),
            ("cgroupDriver".to_owned(), driver.map_or(Value::Null, Into::into)),
        ])
    }
}
