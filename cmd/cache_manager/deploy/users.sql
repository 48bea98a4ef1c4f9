-- A table to try users.toml with. SQLite and PostgreSQL read it alike:
--
--   sqlite3 users.db < users.sql
--   psql -d app -f users.sql

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);

INSERT INTO users (id, name) VALUES
    (41, 'Charles'),
    (42, 'Ada'),
    (43, 'Grace');
