-- Class of the student that a claim names: staff who are limited to other classes do not see the file. A claim from before
-- names none, and is seen by staff of the whole department only.
ALTER TABLE documents.files ADD COLUMN class_name text;
