//! One complete document of each kind, made up.

use loggia_model::{Document, yaml};

/// The documents, as one file.
const TEXT: &str = r##"
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: berth-planner, title: Berth Planner, tags: [rust], links: [{url: "https://example.com/", title: Home}]}
spec:
  type: service
  lifecycle: production
  owner: terminal
  system: harbour
  subcomponentOf: planner
  providesApis: [berths, api:default/arrivals]
  consumesApis: [tides]
  dependsOn: [resource:tide-tables, component:default/clock]
  dependencyOf: [component:crane-control]
---
apiVersion: backstage.io/v1alpha1
kind: API
metadata: {name: berths}
spec: {type: openapi, lifecycle: production, owner: terminal, system: harbour, definition: "openapi: 3.1.0"}
---
apiVersion: backstage.io/v1alpha1
kind: Resource
metadata: {name: tide-tables}
spec: {type: bucket, owner: terminal, system: harbour, dependsOn: [component:clock], dependencyOf: [component:berth-planner]}
---
apiVersion: backstage.io/v1alpha1
kind: System
metadata: {name: harbour}
spec: {owner: terminal, domain: port, type: product}
---
apiVersion: backstage.io/v1alpha1
kind: Domain
metadata: {name: port}
spec: {owner: terminal, subdomainOf: logistics, type: business}
---
apiVersion: backstage.io/v1alpha1
kind: Group
metadata: {name: terminal}
spec: {type: team, profile: {displayName: Terminal}, parent: port, children: [cranes], members: [kees, user:default/an]}
---
apiVersion: backstage.io/v1alpha1
kind: User
metadata: {name: kees}
spec: {profile: {displayName: Kees, email: kees@example.com}, memberOf: [terminal, cranes]}
---
apiVersion: backstage.io/v1alpha1
kind: Location
metadata: {name: more}
spec: {type: url, targets: ["https://example.com/a.yaml"], presence: optional}
---
apiVersion: scaffolder.backstage.io/v1beta3
kind: Template
metadata: {name: new-service}
spec:
  type: service
  owner: terminal
  parameters: [{title: Name, properties: {name: {type: string}}}]
  steps: [{id: fetch, name: Fetch, action: "fetch:template", if: true, input: {url: ./skeleton}}]
  output: {links: [{title: Repository, url: "https://example.com/"}]}
---
apiVersion: loggia.dev/v1
kind: Product
metadata: {name: quay}
spec:
  tagline: Everything a ship needs
  team: platform
  administrators: [ines, group:platform]
  brand: {logo: logo.svg, accent: "#0a5c8f", links: [{title: Help, url: "https://example.com/help"}], host: quay.example.com}
  formerly: [dock]
  unknownAfterDays: 10
---
apiVersion: loggia.dev/v1
kind: Offering
metadata: {name: postgres, title: PostgreSQL}
spec:
  product: quay
  owner: data
  category: data
  promise: A database in three minutes
  for: Teams that keep facts
  problem: A database took two weeks
  alternatives: [{name: sqlite, when: one process writes}]
  support: gold
  versioning: semver
  plans:
    - {name: small, title: Small, limits: {connections: 20}, price: {amount: "12.50", currency: EUR, per: month}, default: true}
    - {name: large}
  mandatory: {rule: data-1, until: 2027-03-31}
  docs: docs/postgres
  formerly: [pg]
  match: [{offering: "postgres*", attributes: {engine: "*"}, version: ">=15 <16", release: 2.1.0}]
  stage: ga
---
apiVersion: loggia.dev/v1
kind: Release
metadata: {name: postgres-2.1.0}
spec:
  offering: postgres
  version: 2.1.0
  contract:
    inputs: {type: object, properties: {contact: {type: string, x-default-from: person}}, required: [contact]}
    outputs: {type: object, properties: {url: {type: string, writeOnly: true}}}
  recipe: {driver: postgres, extensions: [pgcrypto]}
  upstream: {name: postgresql, version: "15"}
  notes: "**New**: PostgreSQL 15"
  upgrade: {strategy: side-by-side, rollback: loses-data}
---
apiVersion: loggia.dev/v1
kind: Environment
metadata: {name: staging}
spec:
  product: quay
  type: test
  owner: platform
  promotesTo: prod
  order: 2
  offerings: [postgres]
  backends: {postgres: {driver: postgres, config: {host: db.example.com}, secretRef: postgres-staging}}
  unknownAfterDays: 3
---
apiVersion: loggia.dev/v1
kind: Instance
metadata: {name: orders.staging, namespace: booking}
spec:
  offering: postgres
  step: managed
  team: booking
  environment: staging
  constraint: "~2.1"
  target: postgres-2.1.0
  plan: {name: small, limits: {connections: 20}, price: {amount: "12.50", currency: EUR, per: month}}
  inputs: {contact: kees}
  contact: kees@example.com
  component: berth-planner
---
apiVersion: loggia.dev/v1
kind: Ending
metadata: {name: postgres-small}
spec:
  subject: offering:postgres
  plan: small
  reason: Nobody needs it so small any more.
  replacement: none
  guide: https://example.com/moving
  preset: kubernetes
  dates:
    announced: 2026-12-01
    effective: 2027-01-01
    closedToNew: 2027-06-01
    brownouts: [{from: "2027-09-07T10:00:00Z", to: "2027-09-07T12:00:00Z", scope: orders}]
    closedToUpdates: 2027-11-01
    off: 2027-12-31
---
apiVersion: loggia.dev/v1
kind: Check
metadata: {name: postgres-supported}
spec:
  of: Instance
  filter: ["spec.offering=postgres"]
  query:
    version: ">=15"
    phase: [ready]
    condition: {type: Ready, status: "True"}
    relation: {type: ownedBy, to: group:default/booking}
    fits: [spec.contact]
    not: {fits: ["spec.environment=preview"]}
  why: The makers mend nothing older.
  mend: Upgrade {name} in {environment}.
  docs: /docs/postgres/upgrading
  graceDays: 14
  owner: data-platform
  standing: true
---
apiVersion: loggia.dev/v1
kind: Campaign
metadata: {name: postgres-15}
spec:
  purpose: Its makers end version 14.
  offering: postgres
  to: ">=15"
  scope: ["spec.environment=dev", "spec.environment=production"]
  check: postgres-supported
  owner: data-platform
  waves:
    - {name: early, types: [development, test], rings: [early], tolerance: [high], share: 50}
    - {name: booking, teams: [booking], environments: [production]}
  parallelism: 3
  bakeMinutes: 60
  gate: postgres-supported
  failureBudget: 2
  start: 2027-01-11
  deadline: 2027-03-31
  reminders: {everyDays: 7, most: 3}
  endsAsStandard: true
"##;

/// The documents, in the order of the registry.
pub fn all() -> Vec<Document> {
    yaml::parse(TEXT).into_iter().map(|parsed| Document(parsed.document.expect("readable"))).collect()
}

/// The document of one kind.
pub fn of(kind: &str) -> Document {
    all().into_iter().find(|document| document.kind() == kind).expect("an example of each kind")
}
