//! Files that are not what they say they are, through the whole suite; what each check looks for is tested beside it in
//! services/documents.

use qihang_standalone::demo::{Answer, Api};
use reqwest::Method;
use serde_json::json;

use crate::world::World;

/// Files that look like papers and are none.
fn traps() -> Vec<(&'static str, Vec<u8>)> {
    let zip_end = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    vec![
        ("证明.pdf", b"<html><script>alert(1)</script></html>".to_vec()),
        (
            "证明.pdf",
            [
                b"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n"
                    .as_slice(),
                b"trailer<</Root 1 0 R>>\n%%EOF\n",
            ]
            .concat(),
        ),
        (
            "证明.png",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff\xff\xff\xff\xff\x08\x06\0\0\0".to_vec(),
        ),
        ("证明.jpg", [b"\xff\xd8\xff\xe0".as_slice(), zip_end].concat()),
        (
            "证明.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(),
        ),
        ("证明.exe", b"MZ\x90\0\x03\0\0\0".to_vec()),
        ("证明.xlsx", zip_end.to_vec()),
        ("证明.gif", b"GIF89a\x01\0\x01\0/*<script>*/".to_vec()),
        ("空.pdf", Vec::new()),
    ]
}

pub(crate) async fn trapped_files_are_refused(world: &World) {
    let student = &world.first.student;
    for (name, bytes) in traps() {
        let answer = upload(student, name, bytes).await;
        let file = answer.json();
        let refused = answer.status.is_client_error() || file["state"] == json!("STATE_REJECTED");
        assert!(refused, "{name} was answered {} {file}", answer.status);
    }
    names_lead_nowhere(student).await;
}

async fn upload(api: &Api, name: &str, bytes: Vec<u8>) -> Answer {
    let wanted = json!({
        "purpose": "FILE_PURPOSE_EVIDENCE", "fileName": name, "sizeBytes": bytes.len().max(1).to_string(),
    });
    let opened = api
        .send(Method::POST, "/v1/uploads", Some(&wanted))
        .await
        .unwrap();
    if !opened.status.is_success() {
        return opened;
    }
    let path = format!("/v1/uploads/{}", opened.json()["id"].as_str().expect("an id"));
    let content = Some(("application/octet-stream", bytes));
    api.send_bytes(Method::PUT, &path, content).await.unwrap()
}

/// A name is kept for people to read: it never is a path, and never reads the other way round.
async fn names_lead_nowhere(api: &Api) {
    for name in [
        "../../../etc/passwd.pdf",
        "C:\\Windows\\a.pdf",
        "a\u{202e}fdp.exe",
        "..",
        "a/b/c.pdf\"; x=\"",
    ] {
        let wanted = json!({ "purpose": "FILE_PURPOSE_EVIDENCE", "fileName": name, "sizeBytes": "5" });
        let opened = api
            .send(Method::POST, "/v1/uploads", Some(&wanted))
            .await
            .unwrap();
        assert!(
            opened.status.is_success() || opened.status.is_client_error(),
            "{name}"
        );
        let kept = opened.json()["fileName"].as_str().unwrap_or_default().to_owned();
        assert!(
            !kept.contains(['/', '\\', '\u{202e}', '"']) && !kept.starts_with('.'),
            "{name} is kept as {kept}"
        );
    }
}
