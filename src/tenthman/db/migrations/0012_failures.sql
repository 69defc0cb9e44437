-- Migration 12: why a question came to nothing, in words; empty for an answer.
ALTER TABLE model_replies ADD COLUMN failure text NOT NULL DEFAULT '';
ALTER TABLE unanswered_prompts ADD COLUMN failure text NOT NULL DEFAULT '';
