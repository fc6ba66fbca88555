-- Every object in the file store has a row here before its first byte is written, so that nothing can be forgotten there.
CREATE TABLE documents.objects (
    path text PRIMARY KEY,
    -- Kept because a file's row names it. What is not kept is deleted an hour after release_time.
    kept boolean NOT NULL DEFAULT false,
    create_time timestamptz NOT NULL,
    release_time timestamptz NOT NULL
);
CREATE INDEX objects_released ON documents.objects (release_time) WHERE NOT kept;

CREATE TABLE documents.files (
    id uuid PRIMARY KEY,
    purpose text NOT NULL CHECK (
        purpose IN ('ROSTER', 'EMPLOYER_LICENCE', 'EMPLOYER_AUTHORISATION', 'CONTACT_IDENTITY', 'EVIDENCE', 'ISSUED')
    ),
    state text NOT NULL CHECK (state IN ('PENDING', 'READY', 'CLAIMED', 'REJECTED')),
    file_name text NOT NULL CHECK (char_length(file_name) BETWEEN 1 AND 128),
    -- Nobody for a document that the suite made.
    uploader_account_id uuid,
    object_path text REFERENCES documents.objects (path),
    content_type text,
    size_bytes bigint CHECK (size_bytes > 0),
    sha256 bytea CHECK (octet_length(sha256) = 32),
    reject_reason text,
    -- The record that uses the file, and whom it lets download it.
    owner text CHECK (char_length(owner) BETWEEN 1 AND 128),
    school_code text,
    department text,
    employer_id uuid,
    student_id uuid,
    create_time timestamptz NOT NULL,
    update_time timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    CONSTRAINT files_content_by_state CHECK (
        (state IN ('READY', 'CLAIMED')) = (object_path IS NOT NULL)
        AND (object_path IS NULL) = (content_type IS NULL)
        AND (object_path IS NULL) = (size_bytes IS NULL)
        AND (object_path IS NULL) = (sha256 IS NULL)
    ),
    CONSTRAINT files_claim_by_state CHECK ((state = 'CLAIMED') = (owner IS NOT NULL)),
    CONSTRAINT files_reason_by_state CHECK ((state = 'REJECTED') = (reject_reason IS NOT NULL)),
    CONSTRAINT files_uploader_by_purpose CHECK ((purpose = 'ISSUED') = (uploader_account_id IS NULL)),
    CONSTRAINT files_issued_are_claimed CHECK (purpose <> 'ISSUED' OR state = 'CLAIMED')
);
CREATE INDEX files_unclaimed ON documents.files (create_time) WHERE state <> 'CLAIMED';
CREATE INDEX files_by_uploader ON documents.files (uploader_account_id) WHERE state <> 'CLAIMED';

-- Who got which file's bytes. Never changed, never deleted with the file.
CREATE TABLE documents.downloads (
    id uuid PRIMARY KEY,
    file_id uuid NOT NULL,
    -- The account, or nobody when another service read the file for somebody it checked itself.
    account_id uuid,
    reader text NOT NULL CHECK (char_length(reader) BETWEEN 1 AND 64),
    client_address text,
    first_byte bigint,
    last_byte bigint,
    create_time timestamptz NOT NULL
);
CREATE INDEX downloads_by_file ON documents.downloads (file_id, create_time);

-- Makes IssueDocument safe to repeat: the first document of a request is everybody's.
CREATE TABLE documents.issues (
    request_id uuid PRIMARY KEY,
    -- SHA-256 of the request, so that a request id is not used for another document.
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    file_id uuid NOT NULL UNIQUE REFERENCES documents.files (id),
    create_time timestamptz NOT NULL
);
