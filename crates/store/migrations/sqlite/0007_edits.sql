create table edits (
  id text not null primary key,
  source text not null,
  record text not null,
  commit_id text not null,
  branch text not null,
  link text not null,
  why text not null,
  author text not null,
  etag text not null,
  made_at integer not null,
  settled_at integer,
  outcome text,
  reason text
) strict;
create index edits_open on edits (source, made_at) where settled_at is null;
create index edits_record on edits (record, made_at);
