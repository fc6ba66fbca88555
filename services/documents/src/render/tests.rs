use super::*;

fn now() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH
}

fn text(length: usize, latin: bool) -> Value {
    let letters: &[char] = if latin {
        &['W', '8']
    } else {
        &['齉', '鬱', '龘', '灪', '籲']
    };
    Value::String(letters.iter().cycle().take(length).collect())
}

/// Data with every field of the README's table at its greatest length, read from the table itself.
fn longest() -> Value {
    let readme = include_str!("../../templates/agreement-2026/README.md");
    let mut data = serde_json::Map::new();
    for row in readme
        .lines()
        .filter(|line| line.starts_with("| ") && !line.contains("---"))
    {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let group = cells[0].trim_matches('`');
        if group == "group" {
            continue;
        }
        let mut fields = serde_json::Map::new();
        for field in cells[1].split(", `") {
            let (name, rest) = field.trim_start_matches('`').split_once('`').unwrap();
            let length = rest
                .split_whitespace()
                .next()
                .and_then(|word| word.parse().ok())
                .unwrap_or(11);
            let value = if name == "accepted" {
                Value::Bool(true)
            } else {
                text(length, rest.len() % 2 == 0)
            };
            fields.insert(name.to_owned(), value);
        }
        match group {
            "–" => data.extend(fields),
            "signatures" => {
                let entries: Vec<Value> = ["EMPLOYER", "STUDENT", "DEPARTMENT", "SCHOOL"]
                    .iter()
                    .map(|party| {
                        let mut entry = fields.clone();
                        entry.insert("party".to_owned(), json!(party));
                        entry.insert("hash".to_owned(), json!("f".repeat(64)));
                        Value::Object(entry)
                    })
                    .collect();
                data.insert(group.to_owned(), Value::Array(entries));
            }
            _ => {
                data.insert(group.to_owned(), Value::Object(fields));
            }
        }
    }
    assert_eq!(data.len(), 11, "the README's table was not understood");
    data.insert(
        "verify_url".to_owned(),
        json!(format!("https://example.invalid/{}", "v".repeat(276))),
    );
    Value::Object(data)
}

fn drawing(data: Value, watermark: &str) -> Drawing {
    Drawing {
        template: Template::Agreement2026,
        data,
        watermark: watermark.to_owned(),
        time: now(),
    }
}

fn pages(pdf: &[u8]) -> usize {
    lopdf::Document::load_mem(pdf).unwrap().get_pages().len()
}

#[test]
fn the_agreement_has_two_pages_whatever_its_data() {
    for latin in [false, true] {
        let mut data = longest();
        if latin {
            replace_text(&mut data);
        }
        assert_eq!(pages(&pdf(&drawing(data, &"水".repeat(32))).unwrap()), 2);
    }
    assert_eq!(pages(&pdf(&drawing(json!({}), "")).unwrap()), 2);
    let wrong_types = json!({"serial": 7, "employer": [], "student": {"name": {"a": 1}, "gender": null, "mobile": 1.5},
        "terms": "x", "signatures": {"party": 1}, "archive": {"accepted": "yes"}, "school": null});
    assert_eq!(pages(&pdf(&drawing(wrong_types, "")).unwrap()), 2);
}

/// The same lengths in capital letters without a place to break.
fn replace_text(value: &mut Value) {
    match value {
        Value::String(words)
            if !words.starts_with("http") && !words.chars().all(|c| c.is_ascii_uppercase()) =>
        {
            *words = "W".repeat(words.chars().count());
        }
        Value::Array(list) => list.iter_mut().for_each(replace_text),
        Value::Object(map) => map
            .iter_mut()
            .filter(|(key, _)| *key != "party")
            .for_each(|(_, v)| replace_text(v)),
        _ => {}
    }
}

#[test]
fn png_pages_are_a4_at_144_dots_an_inch() {
    let pages = png(&drawing(
        json!({"verify_url": "https://example.invalid/v/1"}),
        "待学校审核",
    ))
    .unwrap();
    assert_eq!(pages.len(), 2);
    for page in pages {
        let picture = image::load_from_memory(&page).unwrap();
        assert_eq!((picture.width(), picture.height()), (1191, 1684));
    }
}

#[test]
fn text_of_the_data_is_never_markup() {
    let tricky = "#panic(\"x\") $x$ *bold* [[ \\ #image(\"/etc/passwd\")";
    let data = json!({"student": {"name": tricky}, "terms": {"other": tricky}, "serial": tricky});
    assert_eq!(pages(&pdf(&drawing(data, tricky)).unwrap()), 2);
}

#[test]
fn unusable_data_is_an_error_and_not_a_document() {
    assert!(matches!(pdf(&drawing(json!([]), "")), Err(RenderError::Data)));
    assert!(matches!(
        pdf(&drawing(
            json!({"x": "y".repeat(Template::Agreement2026.max_data_bytes())}),
            ""
        )),
        Err(RenderError::Data)
    ));
    let url = "x".repeat(5000);
    assert!(matches!(
        pdf(&drawing(json!({"verify_url": url}), "")),
        Err(RenderError::QrCode)
    ));
}

#[test]
fn what_is_held_about_somebody_is_drawn_with_every_value_and_odd_data_break_nothing() {
    let mine = |data: Value| Drawing {
        template: Template::MyData2026,
        ..drawing(data, "")
    };
    let record = |number: usize| {
        json!([
            ["姓名", format!("张三{number}")],
            ["网络地址", "fe80::".repeat(40)]
        ])
    };
    let records: Vec<Value> = (0..200).map(record).collect();
    let section = |title: &str, records: Vec<Value>| json!({"title": title, "purpose": "核对生源", "basis": "法定职责", "retention": "三年", "records": records});
    let data = json!({"time": "2026-11-27 09:30", "sections": [section("生源信息", records), section("公告", vec![])]});
    let file = pdf(&mine(data)).unwrap();
    assert!(pages(&file) > 5);
    assert!(words(&file, "pages", 1).contains("张三0"));
    for odd in [
        json!({}),
        json!({"sections": {"a": 1}}),
        json!({"sections": [1, null, {"records": [1, [["a"], ["b", 2], []]]}]}),
    ] {
        assert_eq!(pages(&pdf(&mine(odd)).unwrap()), 1);
    }
}

#[test]
fn the_same_data_makes_the_same_file() {
    let data = json!({"serial": "QH2026-10213-000123-7", "student": {"name": "欧阳㛃"}});
    assert_eq!(
        pdf(&drawing(data.clone(), "")).unwrap(),
        pdf(&drawing(data, "")).unwrap()
    );
}

/// Fixed parts are remembered from one drawing to the next: nothing of an agreement may stay with them.
#[test]
fn each_drawing_has_its_own_feet_and_title() {
    for number in ["QH2026-10213-000123-7", "QH2026-10213-000124-5"] {
        let other = if number.ends_with('7') { "000124" } else { "000123" };
        let file = pdf(&drawing(
            json!({ "serial": number, "verify_code": "AB12CD34" }),
            "",
        ))
        .unwrap();
        for page in [1, 2] {
            let words = words(&file, "feet", page);
            assert!(
                words.contains(&format!("协议编号{number}")) && words.contains("核验码AB12CD34"),
                "{words}"
            );
            assert!(!words.contains(other), "{words}");
        }
        let document = lopdf::Document::load_mem(&file).unwrap();
        let about = document.trailer.get(b"Info").unwrap().as_reference().unwrap();
        let title = document.get_dictionary(about).unwrap().get(b"Title").unwrap();
        let title = lopdf::decode_text_string(title).unwrap();
        assert_eq!(title, format!("普通高等学校毕业生就业协议书 {number}"));
    }
}

#[test]
fn fonts_have_every_character_of_the_templates_and_rare_names() {
    let face = |file: &'static [u8]| {
        typst::text::Font::iter(typst::foundations::Bytes::new(file))
            .next()
            .unwrap()
    };
    let has = |font: &typst::text::Font, c: char| font.info().coverage.contains(u32::from(c));
    let regular = face(include_bytes!("../../fonts/QihangKai-Regular.ttf"));
    let bold = face(include_bytes!("../../fonts/QihangKai-Bold.ttf"));
    let fallback = face(include_bytes!("../../fonts/DroidSansFallbackFull.ttf"));
    for template in Template::ALL {
        let strong = template.source().contains("bold");
        for c in template
            .source()
            .chars()
            .filter(|c| !c.is_control() && *c != '\u{200b}')
        {
            assert!(has(&regular, c) || has(&fallback, c), "no font has {c:?}");
            assert!(
                !strong || !('\u{4e00}'..='\u{9fff}').contains(&c) || has(&bold, c),
                "the bold font lacks {c:?}"
            );
        }
    }
    for c in "㛃珺堃喆祎玥翀甯䶮𬭼𬘡龘鱻囍彧曌昇瑄".chars() {
        assert!(has(&regular, c) || has(&fallback, c), "no font has {c:?}");
    }
}

fn certified(events: usize) -> Value {
    let steps: Vec<Value> = (1..=events)
        .map(|number| {
            json!({"number": number.to_string(), "time": "2026-06-01 08:00:00", "event": "学生应约并签署", "role": "毕业生",
                "name": "欧**", "address": "2001:db8:ffff:ffff:*", "client": "微信网页"})
        })
        .collect();
    json!({
        "serial": "QH2026-10213-000123-7",
        "verify_code": "AB12CD34",
        "verify_url": "https://example.invalid/verify/QH2026-10213-000123-7?code=AB12CD34",
        "student": {"name": "欧阳㛃"},
        "certificate": {
            "revision": "第 2 版", "content_sha256": "c".repeat(64), "chain_sha256": "d".repeat(64), "events": steps,
            // Data cannot say it of itself.
            "pages_sha256": "0".repeat(64),
        },
    })
}

/// The words of a page as poppler reads them, without spaces and break points.
fn words(pdf: &[u8], name: &str, page: usize) -> String {
    let path = std::env::temp_dir().join(format!("qihang-{name}-{}.pdf", std::process::id()));
    std::fs::write(&path, pdf).unwrap();
    let page = page.to_string();
    let output = std::process::Command::new("pdftotext")
        .args(["-f", &page, "-l", &page])
        .arg(&path)
        .arg("-")
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{200b}')
        .collect()
}

#[test]
fn a_certificate_stands_behind_the_two_pages_and_names_their_digest() {
    let data = certified(6);
    let whole = pdf(&drawing(data.clone(), "")).unwrap();
    assert_eq!(pages(&whole), 3);
    let mut bare = data.clone();
    bare.as_object_mut().unwrap().remove("certificate");
    let bare = pdf(&drawing(bare, "")).unwrap();
    assert_eq!(pages(&bare), 2);

    let page = words(&whole, "certificate", 3);
    let digest = hex::encode(Sha256::digest(&bare));
    for wanted in [
        "电子签署证明",
        "QH2026-10213-000123-7",
        digest.as_str(),
        &"c".repeat(64),
        &"d".repeat(64),
        "第2版",
        "学生应约并签署",
        "欧**",
        "签署证明第1页",
    ] {
        assert!(page.contains(wanted), "{wanted} is not on the page: {page}");
    }
    assert!(!page.contains("欧阳"), "{page}");
    for number in [1, 2] {
        let (with, without) = (words(&whole, "with", number), words(&bare, "without", number));
        assert_eq!(with, without);
        assert!(with.contains("共两页"), "{with}");
    }
}

#[test]
fn many_steps_take_more_pages_and_odd_ones_break_nothing() {
    assert!(pages(&pdf(&drawing(certified(120), "")).unwrap()) > 4);
    for odd in [
        json!([]),
        json!("x"),
        json!({"events": 7}),
        json!({"events": [1, {"time": 3}], "revision": []}),
    ] {
        let mut data = certified(0);
        data["certificate"] = odd;
        let number = pages(&pdf(&drawing(data, "")).unwrap());
        assert!((2..=3).contains(&number), "{number}");
    }
    assert_eq!(png(&drawing(certified(3), "")).unwrap().len(), 2);
}

#[test]
fn fonts_have_every_character_of_the_certificate() {
    let face = |file: &'static [u8]| {
        typst::text::Font::iter(typst::foundations::Bytes::new(file))
            .next()
            .unwrap()
    };
    let has = |font: &typst::text::Font, c: char| font.info().coverage.contains(u32::from(c));
    let regular = face(include_bytes!("../../fonts/QihangKai-Regular.ttf"));
    let bold = face(include_bytes!("../../fonts/QihangKai-Bold.ttf"));
    let fallback = face(include_bytes!("../../fonts/DroidSansFallbackFull.ttf"));
    let source = include_str!("../../templates/certificate.typ");
    for c in source.chars().filter(|c| !c.is_control() && *c != '\u{200b}') {
        assert!(has(&regular, c) || has(&fallback, c), "no font has {c:?}");
    }
    for c in "电子签署证明".chars() {
        assert!(has(&bold, c), "the bold font lacks {c:?}");
    }
}
