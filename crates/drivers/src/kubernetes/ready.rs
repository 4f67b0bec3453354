//! Whether an object of the cluster is ready, by its kind.

use serde_json::Value;

/// Why an object is not ready yet; none when it is.
pub(super) fn missing(object: &Value) -> Option<String> {
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let (status, spec) = (&object["status"], &object["spec"]);
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return Some("it is being deleted".to_owned());
    }
    let kind = object["kind"].as_str().unwrap_or_default();
    let counted = matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet");
    if counted && number(&status["observedGeneration"]) < number(&object["metadata"]["generation"]) {
        return Some("the change was not looked at yet".to_owned());
    }
    let wanted = spec["replicas"].as_i64().unwrap_or(1);
    let of = |there: i64, wanted: i64| (there < wanted).then(|| format!("{there} of {wanted} run"));
    match kind {
        "Deployment" => of(number(&status["updatedReplicas"]).min(number(&status["availableReplicas"])), wanted),
        "StatefulSet" => of(number(&status["updatedReplicas"]).min(number(&status["readyReplicas"])), wanted),
        "ReplicaSet" => of(number(&status["readyReplicas"]), wanted),
        "DaemonSet" => of(number(&status["numberAvailable"]), number(&status["desiredNumberScheduled"])),
        "PersistentVolumeClaim" => (status["phase"] != "Bound").then(|| "no volume is bound".to_owned()),
        "Job" => condition(status, "Complete").unwrap_or_else(|| Some("it has not ended".to_owned())),
        // Others say it themselves, or have nothing to say.
        _ => condition(status, "Ready").or_else(|| condition(status, "Available")).unwrap_or_default(),
    }
}

/// What a condition says: `None` when there is none of that kind.
fn condition(status: &Value, kind: &str) -> Option<Option<String>> {
    let found = status["conditions"].as_array()?.iter().find(|one| one["type"] == kind)?;
    let message = found["message"].as_str().filter(|text| !text.is_empty()).unwrap_or("it says that it is not");
    Some((found["status"] != "True").then(|| message.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_says_it_in_its_own_way() {
        let deployment = |generation: i64, seen: i64, updated: i64, available: i64| {
            json!({"kind": "Deployment", "metadata": {"generation": generation}, "spec": {"replicas": 2}, "status":
                {"observedGeneration": seen, "updatedReplicas": updated, "availableReplicas": available}})
        };
        let says =
            |status: &str| json!({"kind": "Bucket", "status": {"conditions": [{"type": "Ready", "status": status}]}});
        for (object, ready) in [
            (deployment(2, 2, 2, 2), true),
            (deployment(3, 2, 2, 2), false),
            (deployment(2, 2, 1, 2), false),
            (deployment(2, 2, 2, 1), false),
            (json!({"kind": "ConfigMap"}), true),
            (json!({"kind": "ConfigMap", "metadata": {"deletionTimestamp": "now"}}), false),
            (json!({"kind": "PersistentVolumeClaim", "status": {"phase": "Bound"}}), true),
            (json!({"kind": "PersistentVolumeClaim"}), false),
            (json!({"kind": "Job", "status": {}}), false),
            (json!({"kind": "Job", "status": {"conditions": [{"type": "Complete", "status": "True"}]}}), true),
            (json!({"kind": "StatefulSet", "status": {"updatedReplicas": 1, "readyReplicas": 1}}), true),
            (json!({"kind": "DaemonSet", "status": {"desiredNumberScheduled": 3, "numberAvailable": 2}}), false),
            (says("True"), true),
            (says("False"), false),
            (says("Unknown"), false),
        ] {
            assert_eq!(missing(&object).is_none(), ready, "{object}");
        }
    }
}
