alter table unmatched add column dismissed bigint not null default 0;
