CREATE TABLE admin (
    username varchar(255) NOT NULL, password varchar(255) NOT NULL, created {TIME}, modified {TIME}, active {BOOL}, PRIMARY KEY (username)
) {MYISAM};
CREATE TABLE domain (
    domain varchar(255) NOT NULL, description varchar(255) NOT NULL DEFAULT '', aliases int NOT NULL DEFAULT 0, mailboxes int NOT NULL DEFAULT 0,
    maxquota bigint NOT NULL DEFAULT 0, quota bigint NOT NULL DEFAULT 0, transport varchar(255) DEFAULT NULL, backupmx {BOOLNO},
    created {TIME}, modified {TIME}, active {BOOL}, PRIMARY KEY (domain)
) {MYISAM};
CREATE TABLE alias (
    address varchar(255) NOT NULL, goto text NOT NULL, domain varchar(255) NOT NULL, created {TIME}, modified {TIME}, active {BOOL}, PRIMARY KEY (address)
) {MYISAM};
CREATE TABLE alias_domain (
    alias_domain varchar(255) NOT NULL, target_domain varchar(255) NOT NULL, created {TIME}, modified {TIME}, active {BOOL}, PRIMARY KEY (alias_domain)
) {MYISAM};
CREATE TABLE domain_admins (username varchar(255) NOT NULL, domain varchar(255) NOT NULL, created {TIME}, active {BOOL}) {MYISAM};
CREATE TABLE mailbox (
    username varchar(255) NOT NULL, password varchar(255) NOT NULL, name varchar(255) NOT NULL DEFAULT '', maildir varchar(255) NOT NULL DEFAULT '',
    quota bigint NOT NULL DEFAULT 0, local_part varchar(255) NOT NULL DEFAULT '', domain varchar(255) NOT NULL DEFAULT '', created {TIME}, modified {TIME}, active {BOOL},
    PRIMARY KEY (username)
) {MYISAM};
CREATE TABLE quota (username varchar(255) NOT NULL, path varchar(100) NOT NULL, current bigint DEFAULT NULL, PRIMARY KEY (username, path)) {MYISAM};
CREATE TABLE quota2 (username varchar(100) NOT NULL, bytes bigint NOT NULL DEFAULT 0, messages int NOT NULL DEFAULT 0, PRIMARY KEY (username)) {MYISAM};
CREATE TABLE vacation (
    email varchar(255) NOT NULL, subject varchar(255) NOT NULL DEFAULT '', body text NOT NULL, cache text NOT NULL, domain varchar(255) NOT NULL DEFAULT '', created {TIME},
    active {BOOL}, PRIMARY KEY (email)
) {MYISAM};
