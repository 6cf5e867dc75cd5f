"""The state machine around a run: seven states, each waiting for the word of its phase. Off where none is configured.

The run itself lives in Airflow and in the ledger; the state machine starts it, follows it and shows it. Nothing here
ever fails a phase: a word that was lost is sent again by `follow_up`.
"""
