"""A strict GitHub on one machine: REST, GraphQL, git, webhooks and pages over one SQLite file and real git."""
