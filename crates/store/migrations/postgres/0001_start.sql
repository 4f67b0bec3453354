-- Documents are canonical JSON text, times are microseconds since 1970 in UTC, uids are text.

create table events (
  position bigint not null primary key,
  id text collate "C" not null,
  time bigint not null,
  type text collate "C" not null,
  subject text collate "C",
  subject_ref text collate "C",
  principal text collate "C" not null,
  on_behalf_of text collate "C",
  organisation text collate "C" not null,
  door text collate "C" not null,
  request_id text collate "C" not null,
  reason text collate "C",
  cause bigint,
  revision bigint,
  data text collate "C",
  digest text collate "C" not null,
  previous text collate "C" not null,
  hash text collate "C" not null
);
create index events_subject on events (subject, position) where subject is not null;
create index events_time on events (time);

create table heads (
  uid text collate "C" not null primary key,
  ref text collate "C" not null unique,
  document text collate "C" not null,
  status text collate "C",
  etag text collate "C" not null,
  origin text collate "C" not null,
  path text collate "C" not null,
  revision bigint not null,
  position bigint not null,
  created_at bigint not null,
  updated_at bigint not null
);
create index heads_position on heads (position);

create table revisions (
  uid text collate "C" not null,
  revision bigint not null,
  position bigint not null,
  time bigint not null,
  ref text collate "C" not null,
  document text collate "C",
  status text collate "C",
  etag text collate "C" not null,
  origin text collate "C" not null,
  path text collate "C" not null,
  created_at bigint not null,
  primary key (uid, revision)
);
create index revisions_position on revisions (position);
create index revisions_ref on revisions (ref);

create table aliases (
  ref text collate "C" not null primary key,
  uid text collate "C" not null,
  position bigint not null
);
create index aliases_position on aliases (position);

create table operations (
  id text collate "C" not null primary key,
  instance text collate "C" not null,
  instance_ref text collate "C" not null,
  verb text collate "C" not null,
  driver text collate "C" not null,
  state text collate "C" not null,
  steps text collate "C" not null,
  attempt bigint not null,
  requested_by text collate "C" not null,
  created_at bigint not null,
  ended_at bigint,
  message text collate "C" not null,
  mend text collate "C" not null
);
create index operations_instance on operations (instance, created_at);
create index operations_open on operations (created_at) where ended_at is null;

create table operation_log (
  operation text collate "C" not null,
  seq bigint not null,
  time bigint not null,
  text text collate "C" not null,
  primary key (operation, seq)
);

-- One row per piece of work that is not finished. `running` repeats the subject while a worker holds the lease, so
-- that the unique index allows one running piece per subject.
create table work (
  id text collate "C" not null primary key,
  class bigint not null,
  subject text collate "C" not null,
  key text collate "C" not null unique,
  not_before bigint not null,
  lease_owner text collate "C",
  lease_until bigint,
  running text collate "C" unique,
  fence bigint not null,
  attempt bigint not null,
  payload text collate "C" not null
);
create index work_order on work (class, not_before, id);
create index work_subject on work (subject);

create table due (
  key text collate "C" not null primary key,
  time bigint not null,
  kind text collate "C" not null,
  subject text collate "C",
  payload text collate "C" not null
);
create index due_time on due (time);

create table blobs (
  hash text collate "C" not null primary key,
  media text collate "C" not null,
  bytes bytea not null
);

create table secrets (
  id text collate "C" not null primary key,
  uid text collate "C" not null,
  field text collate "C" not null,
  key_id text collate "C" not null,
  nonce bytea not null,
  ciphertext bytea not null,
  unique (uid, field)
);

create table meta (
  key text collate "C" not null primary key,
  value text collate "C" not null
);

-- What people prove themselves with hangs on their uid: whoever gets a name later gets nothing with it.
create table logins (
  uid text collate "C" not null primary key,
  password_hash text collate "C" not null,
  changed_at bigint not null
);

create table ties (
  issuer text collate "C" not null,
  subject text collate "C" not null,
  uid text collate "C" not null,
  since bigint not null,
  primary key (issuer, subject),
  unique (issuer, uid)
);
create index ties_uid on ties (uid);

create table sessions (
  hash text collate "C" not null primary key,
  uid text collate "C" not null,
  created_at bigint not null,
  expires_at bigint not null,
  last_used_at bigint not null,
  user_agent text collate "C" not null,
  claims text collate "C" not null
);
create index sessions_uid on sessions (uid);
create index sessions_expires on sessions (expires_at);

create table tokens (
  id text collate "C" not null primary key,
  hash text collate "C" not null unique,
  uid text collate "C",
  principal text collate "C" not null,
  name text collate "C" not null,
  scopes text collate "C" not null,
  kind text collate "C" not null,
  created_at bigint not null,
  expires_at bigint,
  last_used_at bigint,
  revoked_at bigint
);
create index tokens_uid on tokens (uid) where uid is not null;

create table login_states (
  state text collate "C" not null primary key,
  nonce text collate "C" not null,
  verifier text collate "C" not null,
  return_to text collate "C" not null,
  expires_at bigint not null
);

create table idempotency (
  principal text collate "C" not null,
  key text collate "C" not null,
  request_hash text collate "C" not null,
  status bigint not null,
  body text collate "C" not null,
  expires_at bigint not null,
  primary key (principal, key)
);
create index idempotency_expires on idempotency (expires_at);

create table usage (
  source text collate "C" not null,
  id text collate "C" not null,
  time bigint not null,
  team text collate "C",
  principal text collate "C",
  offering text collate "C" not null,
  release text collate "C",
  feature text collate "C",
  instance text collate "C",
  channel text collate "C" not null,
  count bigint not null,
  outcome text collate "C" not null,
  mandated bigint not null,
  primary key (source, id)
);
create index usage_offering on usage (offering, time);

-- Rolled up from `usage` in the transaction that writes its rows. Empty text stands for "not known"; the principal is
-- kept only where no team is known.
create table usage_daily (
  day bigint not null,
  offering text collate "C" not null,
  release text collate "C" not null,
  team text collate "C" not null,
  principal text collate "C" not null,
  instance text collate "C" not null,
  channel text collate "C" not null,
  mandated bigint not null,
  count bigint not null,
  errors bigint not null,
  first_time bigint not null,
  last_time bigint not null,
  primary key (offering, day, team, principal, release, instance, channel, mandated)
);
create index usage_daily_day on usage_daily (day);

create table sightings (
  uid text collate "C" not null primary key,
  first_seen bigint not null,
  last_seen bigint not null,
  source text collate "C" not null
);

create table unmatched (
  key text collate "C" not null primary key,
  attributes text collate "C" not null,
  why text collate "C" not null,
  first_seen bigint not null,
  last_seen bigint not null,
  count bigint not null
);

create table sources (
  id text collate "C" not null primary key,
  kind text collate "C" not null,
  location text collate "C" not null,
  last_commit text collate "C",
  last_sync bigint,
  last_ok bigint,
  state text collate "C" not null
);
