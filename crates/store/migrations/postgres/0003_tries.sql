alter table operations add column next_at bigint;
alter table operations add column last_failure text not null default '';
