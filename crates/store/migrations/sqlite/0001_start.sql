-- Documents are canonical JSON text, times are microseconds since 1970 in UTC, uids are text.

create table events (
  position integer not null primary key,
  id text not null,
  time integer not null,
  type text not null,
  subject text,
  subject_ref text,
  principal text not null,
  on_behalf_of text,
  organisation text not null,
  door text not null,
  request_id text not null,
  reason text,
  cause integer,
  revision integer,
  data text,
  digest text not null,
  previous text not null,
  hash text not null
) strict;
create index events_subject on events (subject, position) where subject is not null;
create index events_time on events (time);

create table heads (
  uid text not null primary key,
  ref text not null unique,
  document text not null,
  status text,
  etag text not null,
  origin text not null,
  path text not null,
  revision integer not null,
  position integer not null,
  created_at integer not null,
  updated_at integer not null
) strict;
create index heads_position on heads (position);

create table revisions (
  uid text not null,
  revision integer not null,
  position integer not null,
  time integer not null,
  ref text not null,
  document text,
  status text,
  etag text not null,
  origin text not null,
  path text not null,
  created_at integer not null,
  primary key (uid, revision)
) strict;
create index revisions_position on revisions (position);
create index revisions_ref on revisions (ref);

create table aliases (
  ref text not null primary key,
  uid text not null,
  position integer not null
) strict;
create index aliases_position on aliases (position);

create table operations (
  id text not null primary key,
  instance text not null,
  instance_ref text not null,
  verb text not null,
  driver text not null,
  state text not null,
  steps text not null,
  attempt integer not null,
  requested_by text not null,
  created_at integer not null,
  ended_at integer,
  message text not null,
  mend text not null
) strict;
create index operations_instance on operations (instance, created_at);
create index operations_open on operations (created_at) where ended_at is null;

create table operation_log (
  operation text not null,
  seq integer not null,
  time integer not null,
  text text not null,
  primary key (operation, seq)
) strict;

-- One row per piece of work that is not finished. `running` repeats the subject while a worker holds the lease, so
-- that the unique index allows one running piece per subject.
create table work (
  id text not null primary key,
  class integer not null,
  subject text not null,
  key text not null unique,
  not_before integer not null,
  lease_owner text,
  lease_until integer,
  running text unique,
  fence integer not null,
  attempt integer not null,
  payload text not null
) strict;
create index work_order on work (class, not_before, id);
create index work_subject on work (subject);

create table due (
  key text not null primary key,
  time integer not null,
  kind text not null,
  subject text,
  payload text not null
) strict;
create index due_time on due (time);

create table blobs (
  hash text not null primary key,
  media text not null,
  bytes blob not null
) strict;

create table secrets (
  id text not null primary key,
  uid text not null,
  field text not null,
  key_id text not null,
  nonce blob not null,
  ciphertext blob not null,
  unique (uid, field)
) strict;

create table meta (
  key text not null primary key,
  value text not null
) strict;

-- What people prove themselves with hangs on their uid: whoever gets a name later gets nothing with it.
create table logins (
  uid text not null primary key,
  password_hash text not null,
  changed_at integer not null
) strict;

create table ties (
  issuer text not null,
  subject text not null,
  uid text not null,
  since integer not null,
  primary key (issuer, subject),
  unique (issuer, uid)
) strict;
create index ties_uid on ties (uid);

create table sessions (
  hash text not null primary key,
  uid text not null,
  created_at integer not null,
  expires_at integer not null,
  last_used_at integer not null,
  user_agent text not null,
  claims text not null
) strict;
create index sessions_uid on sessions (uid);
create index sessions_expires on sessions (expires_at);

create table tokens (
  id text not null primary key,
  hash text not null unique,
  uid text,
  principal text not null,
  name text not null,
  scopes text not null,
  kind text not null,
  created_at integer not null,
  expires_at integer,
  last_used_at integer,
  revoked_at integer
) strict;
create index tokens_uid on tokens (uid) where uid is not null;

create table login_states (
  state text not null primary key,
  nonce text not null,
  verifier text not null,
  return_to text not null,
  expires_at integer not null
) strict;

create table idempotency (
  principal text not null,
  key text not null,
  request_hash text not null,
  status integer not null,
  body text not null,
  expires_at integer not null,
  primary key (principal, key)
) strict;
create index idempotency_expires on idempotency (expires_at);

create table usage (
  source text not null,
  id text not null,
  time integer not null,
  team text,
  principal text,
  offering text not null,
  release text,
  feature text,
  instance text,
  channel text not null,
  count integer not null,
  outcome text not null,
  mandated integer not null,
  primary key (source, id)
) strict;
create index usage_offering on usage (offering, time);

-- Rolled up from `usage` in the transaction that writes its rows. Empty text stands for "not known"; the principal is
-- kept only where no team is known.
create table usage_daily (
  day integer not null,
  offering text not null,
  release text not null,
  team text not null,
  principal text not null,
  instance text not null,
  channel text not null,
  mandated integer not null,
  count integer not null,
  errors integer not null,
  first_time integer not null,
  last_time integer not null,
  primary key (offering, day, team, principal, release, instance, channel, mandated)
) strict;
create index usage_daily_day on usage_daily (day);

create table sightings (
  uid text not null primary key,
  first_seen integer not null,
  last_seen integer not null,
  source text not null
) strict;

create table unmatched (
  key text not null primary key,
  attributes text not null,
  why text not null,
  first_seen integer not null,
  last_seen integer not null,
  count integer not null
) strict;

create table sources (
  id text not null primary key,
  kind text not null,
  location text not null,
  last_commit text,
  last_sync integer,
  last_ok integer,
  state text not null
) strict;
