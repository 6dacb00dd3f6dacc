-- $1 patchlevel, $2 patch_base64, $3 patch_author, $4 patch_comment, $5 subdir
INSERT INTO patches (patchlevel, patch_base64, patch_author, patch_comment, subdir)
VALUES ($1, $2, $3, $4, $5) RETURNING id
