alter table unmatched add column dismissed integer not null default 0;
