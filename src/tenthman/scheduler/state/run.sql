-- name: reached
UPDATE runs SET reached = %s WHERE id = %s
