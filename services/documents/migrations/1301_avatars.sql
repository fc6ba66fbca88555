-- Portraits of accounts' owners.
ALTER TABLE documents.files DROP CONSTRAINT files_purpose_check;
ALTER TABLE documents.files ADD CONSTRAINT files_purpose_check CHECK (
    purpose IN ('ROSTER', 'EMPLOYER_LICENCE', 'EMPLOYER_AUTHORISATION', 'CONTACT_IDENTITY', 'EVIDENCE', 'ISSUED', 'AVATAR')
);
