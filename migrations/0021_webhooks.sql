-- Whether a person is told by mail of a login from a network that they were not seen in before.
ALTER TABLE users ADD COLUMN tell_new_networks INTEGER NOT NULL DEFAULT 1 CHECK (tell_new_networks IN (0, 1));
