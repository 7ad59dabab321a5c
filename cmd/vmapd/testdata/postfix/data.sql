-- The accounts of the Postfix test, for PostgreSQL and tables made by
-- "vmapd init". The rows are those that Modoboa writes beside each other
-- (self-alias, quota row, "@name" alias of a domain alias, ...).
-- ${relay} is replaced by the next hop of relayed mail.

CREATE FUNCTION pg_temp.domain(name text, type text DEFAULT 'domain', enabled bool DEFAULT true) RETURNS void LANGUAGE sql AS $$
    INSERT INTO admin_domain (name, type, enabled) VALUES (name, type, enabled);
$$;

CREATE FUNCTION pg_temp.domain_id(domain_name text) RETURNS int LANGUAGE sql AS $$
    SELECT id FROM admin_domain WHERE name = domain_name;
$$;

-- The alias that Modoboa makes beside a domain alias stays enabled whatever
-- the domain alias is.
CREATE FUNCTION pg_temp.domain_alias(alias_name text, target text, enabled bool DEFAULT true) RETURNS void LANGUAGE sql AS $$
    INSERT INTO admin_domainalias (name, target_id, enabled) VALUES (alias_name, pg_temp.domain_id(target), enabled);
    INSERT INTO admin_alias (address, internal, enabled) VALUES ('@' || alias_name, true, true);
    INSERT INTO modoboa_admin_aliasrecipient (address, alias_id) SELECT '@' || target, id FROM admin_alias WHERE address = '@' || alias_name;
$$;

-- An account with its mailbox; self says whether its self-alias is enabled.
CREATE FUNCTION pg_temp.mailbox(local_part text, domain_name text, active bool DEFAULT true, self bool DEFAULT true, send_only bool DEFAULT false) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    full_address text := local_part || '@' || domain_name;
    account int;
    box int;
    own int;
BEGIN
    INSERT INTO core_user (username, email, password, is_active) VALUES (full_address, full_address, '{PLAIN}secret', active) RETURNING id INTO account;
    INSERT INTO admin_mailbox (address, domain_id, user_id, is_send_only) VALUES (local_part, pg_temp.domain_id(domain_name), account, send_only) RETURNING id INTO box;
    INSERT INTO admin_quota (username) VALUES (full_address);
    INSERT INTO admin_alias (address, domain_id, internal, enabled) VALUES (full_address, pg_temp.domain_id(domain_name), true, self) RETURNING id INTO own;
    INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id) VALUES (full_address, own, box);
END $$;

-- An ordinary alias. A recipient is tied to the mailbox it reaches, also
-- through an extension, or else to the alias of its name.
CREATE FUNCTION pg_temp.alias(alias_address text, recipients text[], on_ bool DEFAULT true, expires timestamptz DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    own int;
    r text;
    bare text;
    box int;
    other int;
BEGIN
    INSERT INTO admin_alias (address, domain_id, enabled, expire_at)
        VALUES (alias_address, pg_temp.domain_id(split_part(alias_address, '@', 2)), on_, expires) RETURNING id INTO own;
    FOREACH r IN ARRAY recipients LOOP
        bare := regexp_replace(r, '\+[^@]*', '');
        SELECT m.id INTO box FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE m.address || '@' || d.name = bare;
        SELECT min(id) INTO other FROM admin_alias WHERE box IS NULL AND address = bare AND NOT internal;
        INSERT INTO modoboa_admin_aliasrecipient (address, alias_id, r_mailbox_id, r_alias_id) VALUES (r, own, box, other);
    END LOOP;
END $$;

-- A relay domain with its transport and, if asked for, recipient verification.
CREATE FUNCTION pg_temp.relay_domain(domain_name text, verify bool DEFAULT true, enabled bool DEFAULT true) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    way int;
BEGIN
    INSERT INTO transport_transport (pattern, service, next_hop) VALUES (domain_name, 'relay', '${relay}') RETURNING id INTO way;
    INSERT INTO admin_domain (name, type, enabled, transport_id) VALUES (domain_name, 'relaydomain', enabled, way);
    IF verify THEN
        INSERT INTO relaydomains_recipientaccess (pattern, action) VALUES (domain_name, 'reject_unverified_recipient');
    END IF;
END $$;

CREATE FUNCTION pg_temp.extra_sender(sender text, owner text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO admin_senderaddress (address, mailbox_id)
        SELECT sender, m.id FROM admin_mailbox m JOIN admin_domain d ON d.id = m.domain_id WHERE m.address || '@' || d.name = owner;
$$;

SELECT pg_temp.domain('home.test');
SELECT pg_temp.domain('catch.test');
SELECT pg_temp.domain('off.test', enabled => false);
SELECT pg_temp.relay_domain('relay.test');
SELECT pg_temp.relay_domain('open.test', verify => false);
SELECT pg_temp.relay_domain('gone.test', enabled => false);
SELECT pg_temp.relay_domain('split.test');
SELECT pg_temp.domain('deep.wild.test', 'relaydomain');

SELECT pg_temp.domain_alias('alias.test', 'home.test');
SELECT pg_temp.domain_alias('aliasoff.test', 'home.test', enabled => false);
SELECT pg_temp.domain_alias('aliasdead.test', 'off.test');
SELECT pg_temp.domain_alias('aliasrelay.test', 'relay.test');
SELECT pg_temp.domain_alias('aliascatch.test', 'catch.test');

SELECT pg_temp.mailbox('user', 'home.test');
SELECT pg_temp.mailbox('second', 'home.test');
SELECT pg_temp.mailbox('third', 'home.test');
SELECT pg_temp.mailbox('moving', 'home.test');
SELECT pg_temp.mailbox('special', 'home.test');
SELECT pg_temp.mailbox('sendonly', 'home.test', send_only => true);
SELECT pg_temp.mailbox('inactive', 'home.test', active => false, self => false);
SELECT pg_temp.mailbox('o''brien', 'home.test');
SELECT pg_temp.mailbox('two words', 'home.test');
SELECT pg_temp.mailbox('jörg', 'home.test');
SELECT pg_temp.mailbox('real+plus', 'home.test');
SELECT pg_temp.mailbox('gone', 'home.test', self => false);
SELECT pg_temp.mailbox('copy', 'home.test');
SELECT pg_temp.mailbox('real', 'catch.test');
SELECT pg_temp.mailbox('reborn', 'catch.test', self => false);
SELECT pg_temp.mailbox('lost', 'off.test');
SELECT pg_temp.mailbox('local', 'split.test');
SELECT pg_temp.mailbox('sleepy', 'split.test', active => false, self => false);

SELECT pg_temp.alias('team@home.test', '{user@home.test,second@home.test,outside@far.test}');
SELECT pg_temp.alias('nested@home.test', '{team@home.test,third@home.test}');
SELECT pg_temp.alias('deeper@home.test', '{nested@home.test}');
SELECT pg_temp.alias('list@home.test', '{user+list@home.test}');
SELECT pg_temp.alias('todomainalias@home.test', '{user@alias.test}');
SELECT pg_temp.alias('disabled@home.test', '{user@home.test}', on_ => false);
SELECT pg_temp.alias('expired@home.test', '{user@home.test}', expires => '2020-01-01 00:00:00+00');
SELECT pg_temp.alias('later@home.test', '{user@home.test}', expires => '2099-01-01 00:00:00+00');
SELECT pg_temp.alias('todisabled@home.test', '{disabled@home.test}');
SELECT pg_temp.alias('tomoving@home.test', '{moving@home.test}');
SELECT pg_temp.alias('tocatch@home.test', '{whatever@catch.test}');
SELECT pg_temp.alias('tosplit@home.test', '{local@split.test,remote@split.test}');
SELECT pg_temp.alias('Shouted@home.test', '{user@home.test}');
SELECT pg_temp.alias('the team@home.test', '{third@home.test}');
SELECT pg_temp.alias('words@home.test', ARRAY['"two words"@home.test']);
SELECT pg_temp.alias('ping@home.test', '{pong@home.test}');
SELECT pg_temp.alias('pong@home.test', '{ping@home.test}');
-- forwards: without and with a local copy
SELECT pg_temp.alias('gone@home.test', '{away@far.test}');
SELECT pg_temp.alias('copy@home.test', '{away@far.test,copy@home.test}');
SELECT pg_temp.alias('@catch.test', '{user@home.test}');
SELECT pg_temp.alias('info@relay.test', '{user@home.test}');

SELECT pg_temp.extra_sender('friend@elsewhere.test', 'user@home.test');
SELECT pg_temp.extra_sender('@brand.test', 'second@home.test');

-- a rename of a mailbox's folder waits to be done
INSERT INTO admin_mailboxoperation (type, argument, mailbox_id) SELECT 'rename', '/srv/vmail/old', id FROM admin_mailbox WHERE address = 'moving';

-- transports without a domain: of one address, and of all names below a domain
INSERT INTO transport_transport (pattern, service, next_hop) VALUES ('special@home.test', 'relay', '${relay}'), ('.wild.test', 'relay', '${relay}');
