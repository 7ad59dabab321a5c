-- When the jobs of vmapd last ran through, on whichever of its nodes. Databases
-- that Modoboa owns get this table from "vmapd db install-triggers".

CREATE TABLE vmapd_job (
    name varchar(64) NOT NULL PRIMARY KEY,
    finished {time} NOT NULL,
    host varchar(255) NOT NULL,
    result varchar(255) NOT NULL
) {table};
