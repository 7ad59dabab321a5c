-- Further DKIM keys of domains and domain aliases: Modoboa has room for one key
-- each, in admin_domain. "vmapd dkim generate" makes this table in databases
-- that Modoboa owns too.

CREATE TABLE vmapd_dkim_key (
    id {id},
    domain varchar(253) NOT NULL,
    selector varchar(63) NOT NULL,
    algorithm varchar(16) NOT NULL DEFAULT 'rsa',
    bits integer NOT NULL DEFAULT 0,
    private_key_path varchar(254) NOT NULL,
    public_key {text} NOT NULL,
    state varchar(16) NOT NULL DEFAULT 'new',
    created {time} NOT NULL DEFAULT {now},
    changed {time} NOT NULL DEFAULT {now},
    UNIQUE (domain, selector)
) {table};
