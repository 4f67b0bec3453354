alter table operations add column next_at integer;
alter table operations add column last_failure text not null default '';
