-- What DNS says of domains. The first three tables are Modoboa's (2.9), which
-- knows no more of a check than a text and whether it is right; "updated" is when
-- that ends to be known. vmapd_dns_check has the whole report of a domain.

CREATE TABLE admin_mxrecord (
    id {id},
    name varchar(254) NOT NULL,
    address {inet} NOT NULL,
    managed {bool} NOT NULL DEFAULT {false},
    updated {time} NOT NULL DEFAULT {now},
    domain_id integer NOT NULL,
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred}
) {table};
CREATE INDEX admin_mxrecord_domain_id ON admin_mxrecord (domain_id);

CREATE TABLE admin_dnsblresult (
    id {id},
    provider varchar(254) NOT NULL,
    status varchar(45) NOT NULL DEFAULT '',
    domain_id integer NOT NULL,
    mx_id integer NOT NULL,
    UNIQUE (domain_id, provider, mx_id),
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred},
    FOREIGN KEY (mx_id) REFERENCES admin_mxrecord (id) {deferred}
) {table};
CREATE INDEX admin_dnsblresult_mx_id ON admin_dnsblresult (mx_id);
CREATE INDEX admin_dnsblresult_provider ON admin_dnsblresult (provider);
CREATE INDEX admin_dnsblresult_status ON admin_dnsblresult (status);

CREATE TABLE dnstools_dnsrecord (
    id {id},
    type varchar(15) NOT NULL,
    value {text} NOT NULL DEFAULT {''},
    is_valid {bool} NOT NULL DEFAULT {false},
    error varchar(50),
    updated {time} NOT NULL DEFAULT {now},
    domain_id integer NOT NULL,
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred}
) {table};
CREATE INDEX dnstools_dnsrecord_domain_id ON dnstools_dnsrecord (domain_id);

CREATE TABLE vmapd_dns_check (
    domain_id integer NOT NULL PRIMARY KEY,
    state varchar(10) NOT NULL,
    checked {time} NOT NULL,
    report {text} NOT NULL,
    FOREIGN KEY (domain_id) REFERENCES admin_domain (id) {deferred}
) {table};
