-- Modoboa 2.9's tables, for an empty database that has no Modoboa.
--
-- One text for three engines. The words in braces are spelled per engine by
-- schemaWords (migrate.go):
--
--   {id}        32 bit primary key that counts by itself
--   {uint}      32 bit number >= 0      {bool} {true} {false}
--   {time}      point in time, UTC      {now}  default for it
--   {text}      long text               {''}   default for it
--   {json}      JSON                    {'{}'} default for it
--   {deferred}  foreign keys are checked at commit, where the engine can
--   {key}       the column "key", quoted
--   {inet}      address of IPv4 or IPv6, as text where the engine has no type
--   {table}     what ends CREATE TABLE
--
-- Names and types are Modoboa's, so that its own queries (Postfix maps,
-- Dovecot's password, user and iterate queries) run on these tables. What
-- Modoboa defaults in its programs is a default of the database here, so that
-- an INSERT by hand needs the meaningful columns only.
--
-- A statement ends with ";" at the end of a line. Foreign keys do not cascade:
-- who deletes a row deletes what refers to it.

CREATE TABLE vmapd_schema (
    version integer NOT NULL PRIMARY KEY,
    applied {time} NOT NULL DEFAULT {now}
) {table};

-- accounts and roles

CREATE TABLE core_user (
    id {id},
    username varchar(254) NOT NULL UNIQUE,
    email varchar(254) NOT NULL DEFAULT '',
    password varchar(256) NOT NULL DEFAULT '',
    is_active {bool} NOT NULL DEFAULT {true},
    is_local {bool} NOT NULL DEFAULT {true},
    is_superuser {bool} NOT NULL DEFAULT {false},
    is_staff {bool} NOT NULL DEFAULT {false},
    master_user {bool} NOT NULL DEFAULT {false},
    first_name varchar(150) NOT NULL DEFAULT '',
    last_name varchar(150) NOT NULL DEFAULT '',
    language varchar(10) NOT NULL DEFAULT 'en',
    phone_number varchar(128),
    secondary_email varchar(254),
    last_login {time} NULL,
    date_joined {time} NOT NULL DEFAULT {now},
    totp_enabled {bool} NOT NULL DEFAULT {false},
    webauthn_enabled {bool} NOT NULL DEFAULT {false},
    _parameters {json} NOT NULL DEFAULT {'{}'}
) {table};
CREATE INDEX core_user_email ON core_user (email);
CREATE INDEX core_user_email_is_active ON core_user (email, is_active);
CREATE INDEX core_user_is_active ON core_user (is_active);
CREATE INDEX core_user_is_local ON core_user (is_local);
CREATE INDEX core_user_is_staff ON core_user (is_staff);

CREATE TABLE auth_group (
    id {id},
    name varchar(150) NOT NULL UNIQUE
) {table};

CREATE TABLE core_user_groups (
    id {id},
    user_id integer NOT NULL,
    group_id integer NOT NULL,
    UNIQUE (user_id, group_id),
    FOREIGN KEY (user_id) REFERENCES core_user (id) {deferred},
    FOREIGN KEY (group_id) REFERENCES auth_group (id) {deferred}
) {table};
CREATE INDEX core_user_groups_group_id ON core_user_groups (group_id);

CREATE TABLE authtoken_token (
    {key} varchar(40) NOT NULL PRIMARY KEY,
    created {time} NOT NULL DEFAULT {now},
    user_id integer NOT NULL UNIQUE,
    FOREIGN KEY (user_id) REFERENCES core_user (id) {deferred}
) {table};

CREATE TABLE django_content_type (
    id {id},
    app_label varchar(100) NOT NULL,
    model varchar(100) NOT NULL,
    UNIQUE (app_label, model)
) {table};

CREATE TABLE core_objectaccess (
    id {id},
    user_id integer NOT NULL,
    content_type_id integer NOT NULL,
    object_id {uint} NOT NULL CHECK (object_id >= 0),
    is_owner {bool} NOT NULL DEFAULT {false},
    UNIQUE (user_id, content_type_id, object_id),
    FOREIGN KEY (user_id) REFERENCES core_user (id) {deferred},
    FOREIGN KEY (content_type_id) REFERENCES django_content_type (id) {deferred}
) {table};
CREATE INDEX core_objectaccess_object ON core_objectaccess (content_type_id, object_id);

-- domains

CREATE TABLE transport_transport (
    id {id},
    pattern varchar(253) NOT NULL UNIQUE,
    service varchar(30) NOT NULL,
    next_hop varchar(100) NOT NULL DEFAULT '',
    _settings {json} NOT NULL DEFAULT {'{}'}
) {table};

CREATE TABLE relaydomains_recipientaccess (
    id {id},
    pattern varchar(254) NOT NULL UNIQUE,
    action varchar(40) NOT NULL
) {table};

CREATE TABLE admin_domain (
    id {id},
    name varchar(253) NOT NULL UNIQUE,
    type varchar(20) NOT NULL DEFAULT 'domain',
    enabled {bool} NOT NULL DEFAULT {true},
    quota {uint} NOT NULL DEFAULT 0 CHECK (quota >= 0),
    default_mailbox_quota {uint} NOT NULL DEFAULT 0 CHECK (default_mailbox_quota >= 0),
    message_limit {uint} CHECK (message_limit >= 0),
    transport_id integer UNIQUE,
    enable_dns_checks {bool} NOT NULL DEFAULT {true},
    last_dns_check_execution {time} NULL,
    enable_dkim {bool} NOT NULL DEFAULT {false},
    dkim_key_selector varchar(30) NOT NULL DEFAULT 'modoboa',
    dkim_key_length {uint} CHECK (dkim_key_length >= 0),
    dkim_public_key {text} NOT NULL DEFAULT {''},
    dkim_private_key_path varchar(254) NOT NULL DEFAULT '',
    creation {time} NOT NULL DEFAULT {now},
    last_modification {time} NOT NULL DEFAULT {now},
    FOREIGN KEY (transport_id) REFERENCES transport_transport (id) {deferred}
) {table};

CREATE TABLE admin_domainalias (
    id {id},
    name varchar(100) NOT NULL UNIQUE,
    target_id integer NOT NULL,
    enabled {bool} NOT NULL DEFAULT {true},
    creation {time} NOT NULL DEFAULT {now},
    last_modification {time} NOT NULL DEFAULT {now},
    FOREIGN KEY (target_id) REFERENCES admin_domain (id) {deferred}
) {table};
CREATE INDEX admin_domainalias_target_id ON admin_domainalias (target_id);

-- mailboxes

CREATE TABLE admin_mailbox (
    id {id},
    address varchar(252) NOT NULL,
    domain_id integer NOT NULL,
    user_id integer NOT NULL UNIQUE,
    quota {uint} NOT NULL DEFAULT 0 CHECK (quota >= 0),
    use_domain_quota {bool} NOT NULL DEFAULT {false},
    message_limit {uint} CHECK (message_limit >= 0),
    is_send_only {bool} NOT NULL DEFAULT {false},
    creation {time} NOT NULL DEFAULT {now},
    last_modification {time} NOT NULL DEFAULT {now},
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred},
    FOREIGN KEY (user_id) REFERENCES core_user (id) {deferred}
) {table};
CREATE INDEX admin_mailbox_domain_id ON admin_mailbox (domain_id);
-- Modoboa has no index for the question that Postfix and Dovecot ask most.
CREATE INDEX admin_mailbox_address ON admin_mailbox (address, domain_id);

CREATE TABLE admin_quota (
    username varchar(254) NOT NULL PRIMARY KEY,
    bytes bigint NOT NULL DEFAULT 0,
    messages integer NOT NULL DEFAULT 0
) {table};

CREATE TABLE admin_senderaddress (
    id {id},
    address varchar(254) NOT NULL,
    mailbox_id integer NOT NULL,
    UNIQUE (address, mailbox_id),
    FOREIGN KEY (mailbox_id) REFERENCES admin_mailbox (id) {deferred}
) {table};
CREATE INDEX admin_senderaddress_mailbox_id ON admin_senderaddress (mailbox_id);

CREATE TABLE admin_mailboxoperation (
    id {id},
    type varchar(20) NOT NULL,
    argument {text} NOT NULL,
    mailbox_id integer,
    FOREIGN KEY (mailbox_id) REFERENCES admin_mailbox (id) {deferred}
) {table};
CREATE INDEX admin_mailboxoperation_mailbox_id ON admin_mailboxoperation (mailbox_id);

CREATE TABLE postfix_autoreply_armessage (
    id {id},
    mbox_id integer NOT NULL,
    subject varchar(255) NOT NULL,
    content {text} NOT NULL,
    enabled {bool} NOT NULL DEFAULT {false},
    fromdate {time} NOT NULL DEFAULT {now},
    untildate {time} NULL,
    FOREIGN KEY (mbox_id) REFERENCES admin_mailbox (id) {deferred}
) {table};
CREATE INDEX postfix_autoreply_armessage_mbox_id ON postfix_autoreply_armessage (mbox_id);

-- aliases; the unique pair also serves lookups by address

CREATE TABLE admin_alias (
    id {id},
    address varchar(254) NOT NULL,
    domain_id integer,
    enabled {bool} NOT NULL DEFAULT {true},
    internal {bool} NOT NULL DEFAULT {false},
    description {text} NOT NULL DEFAULT {''},
    expire_at {time} NULL,
    creation {time} NOT NULL DEFAULT {now},
    last_modification {time} NOT NULL DEFAULT {now},
    UNIQUE (address, internal),
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred}
) {table};
CREATE INDEX admin_alias_domain_id ON admin_alias (domain_id);

CREATE TABLE modoboa_admin_aliasrecipient (
    id {id},
    address varchar(254) NOT NULL,
    alias_id integer NOT NULL,
    r_mailbox_id integer,
    r_alias_id integer,
    UNIQUE (alias_id, r_mailbox_id),
    UNIQUE (alias_id, r_alias_id),
    FOREIGN KEY (alias_id) REFERENCES admin_alias (id) {deferred},
    FOREIGN KEY (r_mailbox_id) REFERENCES admin_mailbox (id) {deferred},
    FOREIGN KEY (r_alias_id) REFERENCES admin_alias (id) {deferred}
) {table};
CREATE INDEX modoboa_admin_aliasrecipient_r_mailbox_id ON modoboa_admin_aliasrecipient (r_mailbox_id);
CREATE INDEX modoboa_admin_aliasrecipient_r_alias_id ON modoboa_admin_aliasrecipient (r_alias_id);

-- limits, settings, logs, alarms

CREATE TABLE limits_userobjectlimit (
    id {id},
    user_id integer NOT NULL,
    name varchar(254) NOT NULL,
    content_type_id integer NOT NULL,
    max_value integer NOT NULL DEFAULT 0,
    UNIQUE (user_id, name),
    FOREIGN KEY (user_id) REFERENCES core_user (id) {deferred},
    FOREIGN KEY (content_type_id) REFERENCES django_content_type (id) {deferred}
) {table};

CREATE TABLE limits_domainobjectlimit (
    id {id},
    domain_id integer NOT NULL,
    name varchar(254) NOT NULL,
    max_value integer NOT NULL DEFAULT 0,
    UNIQUE (domain_id, name),
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred}
) {table};

CREATE TABLE django_site (
    id {id},
    domain varchar(100) NOT NULL UNIQUE,
    name varchar(50) NOT NULL
) {table};

CREATE TABLE core_localconfig (
    id {id},
    site_id integer NOT NULL,
    api_pk {uint} CHECK (api_pk >= 0),
    api_versions {json} NOT NULL DEFAULT {'{}'},
    need_dovecot_update {bool} NOT NULL DEFAULT {false},
    _parameters {json} NOT NULL DEFAULT {'{}'},
    FOREIGN KEY (site_id) REFERENCES django_site (id) {deferred}
) {table};
CREATE INDEX core_localconfig_site_id ON core_localconfig (site_id);

CREATE TABLE core_log (
    id {id},
    date_created {time} NOT NULL DEFAULT {now},
    message {text} NOT NULL,
    level varchar(15) NOT NULL,
    logger varchar(30) NOT NULL
) {table};

CREATE TABLE admin_alarm (
    id {id},
    domain_id integer,
    mailbox_id integer,
    created {time} NOT NULL DEFAULT {now},
    closed {time} NULL,
    status integer NOT NULL DEFAULT 1,
    title {text} NOT NULL,
    internal_name varchar(120) NOT NULL,
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred},
    FOREIGN KEY (mailbox_id) REFERENCES admin_mailbox (id) {deferred}
) {table};
CREATE INDEX admin_alarm_domain_id ON admin_alarm (domain_id);
CREATE INDEX admin_alarm_mailbox_id ON admin_alarm (mailbox_id);
CREATE INDEX admin_alarm_status ON admin_alarm (status);
