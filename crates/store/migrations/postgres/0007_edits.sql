create table edits (
  id text collate "C" not null primary key,
  source text collate "C" not null,
  record text collate "C" not null,
  commit_id text collate "C" not null,
  branch text collate "C" not null,
  link text collate "C" not null,
  why text collate "C" not null,
  author text collate "C" not null,
  etag text collate "C" not null,
  made_at bigint not null,
  settled_at bigint,
  outcome text collate "C",
  reason text collate "C"
);
create index edits_open on edits (source, made_at) where settled_at is null;
create index edits_record on edits (record, made_at);
