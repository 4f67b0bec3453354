//! What partners are told: what they may see, and nothing about the rest, not even that there is none.

use crate::world::World;

const OFFERED: &str = "
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: shared, title: Shared, annotations: {loggia.dev/partner: keelworks}}
spec:
  product: fairway
  owner: data
  category: data
  promise: Shared with partners
  for: Partners
  problem: Waiting
  plans: [{name: small, default: true}]
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: shared-1.0.0, annotations: {loggia.dev/partner: keelworks}}
spec: {offering: shared, version: 1.0.0, contract: {inputs: {type: object}}, recipe: {driver: postgres}}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: keel, annotations: {loggia.dev/partner: keelworks}}
spec: {type: team, children: [], members: [li]}
";

#[tokio::test]
async fn pages_say_nothing_about_what_a_partner_cannot_see() {
    let world = World::alone().await;
    world.add(OFFERED).await;
    for path in ["/get", "/get/shared", "/"] {
        let page = world.get("partner", path).await.text;
        assert!(page.contains("Shared"), "{path}: {page}");
        for untrue in ["o longer offered", "any more", "0 teams", "Nobody", "nobody", "Used by", "Get a repository"] {
            assert!(!page.contains(untrue), "{path} says {untrue:?}");
        }
        assert!(!page.contains("Get a database") && !page.contains("/new\""), "{path}: {page}");
    }
    assert!(world.get("partner", "/get/shared").await.text.contains("Ask whoever invited you"));
    // The company sees where it is, and who uses it.
    let page = world.get("member", "/get/shared").await.text;
    assert!(page.contains("Used by") && page.contains("Development"), "{page}");
    assert!(world.get("member", "/").await.text.contains("Get a database"));
}
