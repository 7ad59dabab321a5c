CREATE TABLE config (id {ID}, name varchar(20) NOT NULL DEFAULT '', value varchar(20) NOT NULL DEFAULT '') {INNODB};
CREATE TABLE admin (
    username varchar(255) NOT NULL, password varchar(255) NOT NULL, superadmin {BOOLNO}, created {TIME}, modified {TIME}, active {BOOL},
    phone varchar(30) NOT NULL DEFAULT '', email_other varchar(255) NOT NULL DEFAULT '', token varchar(255) NOT NULL DEFAULT '', token_validity {TIME},
    totp_secret varchar(255) DEFAULT NULL, PRIMARY KEY (username)
) {INNODB};
CREATE TABLE domain (
    domain varchar(255) NOT NULL, description varchar(255) NOT NULL DEFAULT '', aliases int NOT NULL DEFAULT 0, mailboxes int NOT NULL DEFAULT 0,
    maxquota bigint NOT NULL DEFAULT 0, quota bigint NOT NULL DEFAULT 0, transport varchar(255) NOT NULL DEFAULT '', backupmx {BOOLNO},
    created {TIME}, modified {TIME}, active {BOOL}, password_expiry int DEFAULT 0, PRIMARY KEY (domain)
) {INNODB};
CREATE TABLE alias (
    address varchar(255) NOT NULL, goto text NOT NULL, domain varchar(255) NOT NULL DEFAULT '', description varchar(255) NOT NULL DEFAULT '',
    created {TIME}, modified {TIME}, active {BOOL}, PRIMARY KEY (address)
) {INNODB};
CREATE TABLE alias_domain (
    alias_domain varchar(255) NOT NULL, target_domain varchar(255) NOT NULL, description varchar(255) NOT NULL DEFAULT '',
    created {TIME}, modified {TIME}, active {BOOL}, PRIMARY KEY (alias_domain)
) {INNODB};
CREATE TABLE domain_admins (id {ID}, username varchar(255) NOT NULL, domain varchar(255) NOT NULL, created {TIME}, active {BOOL}) {INNODB};
CREATE TABLE mailbox (
    username varchar(255) NOT NULL, password varchar(255) NOT NULL, name varchar(255) NOT NULL DEFAULT '', maildir varchar(255) NOT NULL DEFAULT '',
    quota bigint NOT NULL DEFAULT 0, local_part varchar(255) NOT NULL DEFAULT '', domain varchar(255) NOT NULL DEFAULT '', created {TIME}, modified {TIME}, active {BOOL},
    phone varchar(30) NOT NULL DEFAULT '', email_other varchar(255) NOT NULL DEFAULT '', token varchar(255) NOT NULL DEFAULT '', token_validity {TIME},
    password_expiry {TIME}, totp_secret varchar(255) DEFAULT NULL, smtp_active {BOOL}, PRIMARY KEY (username)
) {INNODB};
CREATE TABLE quota2 (username varchar(100) NOT NULL, bytes bigint NOT NULL DEFAULT 0, messages int NOT NULL DEFAULT 0, PRIMARY KEY (username)) {INNODB};
CREATE TABLE vacation (
    email varchar(255) NOT NULL, subject varchar(255) NOT NULL DEFAULT '', body text NOT NULL, activefrom {TIME}, activeuntil {TIME}, cache text NOT NULL,
    domain varchar(255) NOT NULL DEFAULT '', interval_time int NOT NULL DEFAULT 0, created {TIME}, modified {TIME}, active {BOOL}, PRIMARY KEY (email)
) {INNODB};
CREATE TABLE fetchmail (
    id {ID}, domain varchar(255) DEFAULT '', mailbox varchar(255) NOT NULL DEFAULT '', src_server varchar(255) NOT NULL DEFAULT '', src_user varchar(255) NOT NULL DEFAULT '',
    src_password varchar(255) NOT NULL DEFAULT '', active {BOOL}
) {INNODB};
CREATE TABLE dkim_key (id {ID}, domain_name varchar(255) NOT NULL, selector varchar(63) NOT NULL DEFAULT 'default', private_key text) {INNODB};
CREATE TABLE mailbox_app_password (id {ID}, username varchar(255) DEFAULT NULL, description varchar(255) DEFAULT NULL, password_hash varchar(255) DEFAULT NULL) {INNODB};
CREATE TABLE totp_exception_address (id {ID}, ip varchar(46) NOT NULL, username varchar(255) DEFAULT NULL, description varchar(255) DEFAULT NULL) {INNODB};
