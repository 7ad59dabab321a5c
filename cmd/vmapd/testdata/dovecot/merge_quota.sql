-- Behaves as the trigger function that Modoboa's installer has for Dovecot 2.3:
-- adds where a row is there, and negates the messages where none is.
CREATE FUNCTION merge_quota() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.messages IS NULL OR NEW.messages < 0 THEN
        NEW.messages := coalesce(-NEW.messages, 0);
        RETURN NEW;
    END IF;
    UPDATE admin_quota SET bytes = bytes + NEW.bytes, messages = messages + NEW.messages WHERE username = NEW.username;
    IF found THEN RETURN NULL; END IF;
    NEW.messages := -NEW.messages;
    RETURN NEW;
END $$
