create table items (
  record text collate "C" not null,
  about text collate "C" not null,
  time bigint not null,
  data text collate "C" not null,
  primary key (record, about)
);
create index items_about on items (about, record);
