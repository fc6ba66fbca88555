use std::io::Cursor;

use image::{
    DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder,
};
use lopdf::{Document, Object, Stream, dictionary};
use proptest::prelude::*;

use super::*;

fn refusal(purpose: Purpose, bytes: &[u8]) -> Refusal {
    check(purpose, bytes).expect_err("content must be refused")
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn picture(width: u32, height: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 40) as u8, (y * 40) as u8, 128])
    }))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(6, 4).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG whose EXIF says: turn by 90 degrees, taken at a secret place.
fn jpeg_with_exif() -> Vec<u8> {
    let mut exif =
        b"MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
            .to_vec();
    exif.extend(b"GPS secret place");
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif).unwrap();
    encoder
        .write_image(picture(6, 4).as_bytes(), 6, 4, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

fn pdf(change: impl FnOnce(&mut Document, lopdf::ObjectId)) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let content = document.add_object(Stream::new(dictionary! {}, b"BT ET".to_vec()));
    let pages = document.new_object_id();
    let page = document.add_object(dictionary! {
        "Type" => "Page", "Parent" => pages, "Contents" => content,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    });
    document.objects.insert(
        pages,
        Object::Dictionary(dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 }),
    );
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    change(&mut document, catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

/// A stored (not packed) archive with these names; `unpacked` lies about every size when given.
fn archive(names: &[&str], unpacked: Option<u32>) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let at = bytes.len() as u32;
        let sizes = [
            0_u32.to_le_bytes(),
            4_u32.to_le_bytes(),
            unpacked.unwrap_or(4).to_le_bytes(),
        ]
        .concat();
        let common = join(&[
            &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &sizes,
            &(name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]);
        bytes.extend(join(&[b"PK\x03\x04", &common, name.as_bytes(), b"data"]));
        let place = join(&[&[0; 10], &at.to_le_bytes()]);
        directory.extend(join(&[b"PK\x01\x02", &[20, 0], &common, &place, name.as_bytes()]));
    }
    let count = (names.len() as u16).to_le_bytes();
    let (start, length) = (bytes.len() as u32, directory.len() as u32);
    let end = join(&[
        &[0; 4],
        &count,
        &count,
        &length.to_le_bytes(),
        &start.to_le_bytes(),
        &[0, 0],
    ]);
    join(&[&bytes, &directory, b"PK\x05\x06", &end])
}

const WORKBOOK: [&str; 3] = [
    "[Content_Types].xml",
    "xl/workbook.xml",
    "xl/worksheets/sheet1.xml",
];

#[test]
fn honest_files_of_every_kind_are_accepted() {
    for (purpose, bytes, kind) in [
        (Purpose::Evidence, pdf(|_, _| {}), Kind::Pdf),
        (Purpose::Evidence, encoded(ImageFormat::Png), Kind::Png),
        (Purpose::ContactIdentity, encoded(ImageFormat::Jpeg), Kind::Jpeg),
        (Purpose::Roster, archive(&WORKBOOK, None), Kind::Xlsx),
        (
            Purpose::Roster,
            "姓名,学号\n李雷,2022001\n".as_bytes().to_vec(),
            Kind::Csv,
        ),
        (
            Purpose::Roster,
            "\u{feff}姓名,学号\r\n".as_bytes().to_vec(),
            Kind::Csv,
        ),
        (
            Purpose::Roster,
            b"\xd0\xd5\xc3\xfb,\xd1\xa7\xba\xc5\n".to_vec(),
            Kind::Csv,
        ),
    ] {
        assert_eq!(check(purpose, &bytes).map(|accepted| accepted.kind), Ok(kind));
    }
}

#[test]
fn a_kind_that_the_purpose_does_not_allow_is_refused() {
    let wrong = |purpose, bytes: &[u8]| assert!(matches!(refusal(purpose, bytes), Refusal::WrongKind { .. }));
    wrong(Purpose::ContactIdentity, &pdf(|_, _| {}));
    wrong(Purpose::Roster, &encoded(ImageFormat::Png));
    wrong(Purpose::Evidence, &archive(&WORKBOOK, None));
    wrong(Purpose::Evidence, b"GIF89a\x01\x00\x01\x00\x00\x00\x00");
    wrong(Purpose::Evidence, b"MZ\x90\x00\x03\x00\x00\x00");
    wrong(Purpose::Evidence, b"name,number\n");
    wrong(Purpose::Roster, b"<html><script>alert(1)</script></html>");
    wrong(Purpose::Roster, b"\x00\x01\x02");
    wrong(Purpose::Issued, &pdf(|_, _| {}));
    assert_eq!(refusal(Purpose::Roster, b""), Refusal::Empty);
}

#[test]
fn pictures_lose_their_metadata_and_keep_their_orientation() {
    let sent = jpeg_with_exif();
    assert!(sent.windows(10).any(|window| window == b"GPS secret"));
    let kept = check(Purpose::Evidence, &sent).unwrap().rewritten.unwrap();
    assert!(!kept.windows(10).any(|window| window == b"GPS secret"));
    let picture = image::load_from_memory(&kept).unwrap();
    assert_eq!(
        (picture.width(), picture.height()),
        (4, 6),
        "turned as the EXIF said"
    );
}

#[test]
fn pictures_too_large_to_decode_are_refused_before_decoding() {
    // IHDR of 100 000 x 100 000, and a bomb of 12 000 x 12 000 whose data never comes.
    for side in [100_000_u32, 12_000] {
        let mut bytes = encoded(ImageFormat::Png);
        bytes[16..20].copy_from_slice(&side.to_be_bytes());
        bytes[20..24].copy_from_slice(&side.to_be_bytes());
        let sum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        assert!(matches!(
            refusal(Purpose::Evidence, &bytes),
            Refusal::TooManyPixels { .. }
        ));
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 {
                (sum >> 1) ^ 0xEDB8_8320
            } else {
                sum >> 1
            }
        })
    })
}

#[test]
fn damaged_pictures_are_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let bytes = encoded(format);
        let cut = &bytes[..bytes.len() - 8];
        assert!(matches!(refusal(Purpose::Evidence, cut), Refusal::Damaged { .. }));
    }
}

#[test]
fn another_file_behind_a_file_is_refused() {
    let zip = archive(&["evil.js"], None);
    let html = b"<script>alert(1)</script>".as_slice();
    for honest in [
        pdf(|_, _| {}),
        encoded(ImageFormat::Png),
        encoded(ImageFormat::Jpeg),
    ] {
        for hidden in [zip.as_slice(), html] {
            assert_eq!(
                refusal(Purpose::Evidence, &join(&[&honest, hidden])),
                Refusal::Polyglot
            );
        }
    }
    // A comment of the archive that ends the file like a PDF.
    let mut zip = zip;
    let length = zip.len();
    zip[length - 2] = 6;
    zip.extend(b"\n%%EOF");
    assert_eq!(
        refusal(Purpose::Evidence, &join(&[&pdf(|_, _| {}), &zip])),
        Refusal::Polyglot
    );
}

#[test]
fn previews_that_telephones_append_are_dropped() {
    let preview = encoded(ImageFormat::Jpeg);
    let kept = check(Purpose::Evidence, &join(&[&preview, &preview]))
        .unwrap()
        .rewritten
        .unwrap();
    assert_eq!(image::load_from_memory(&kept).unwrap().width(), 6);
}

#[test]
fn workbooks_with_macros_objects_or_paths_are_refused() {
    for (name, expected) in [
        ("xl/vbaProject.bin", Refusal::Macros),
        ("xl/macrosheets/sheet1.xml", Refusal::Macros),
        ("xl/activeX/activeX1.bin", Refusal::Macros),
        ("xl/embeddings/oleObject1.bin", Refusal::Macros),
        ("xl/externalLinks/externalLink1.xml", Refusal::Macros),
        ("../evil", Refusal::Damaged { kind: "XLSX " }),
        ("/etc/passwd", Refusal::Damaged { kind: "XLSX " }),
    ] {
        let names = [&WORKBOOK[..], &[name]].concat();
        assert_eq!(
            refusal(Purpose::Roster, &archive(&names, None)),
            expected,
            "{name}"
        );
    }
}

#[test]
fn archives_that_are_no_workbook_are_refused() {
    assert!(matches!(
        refusal(Purpose::Roster, &archive(&["a.txt"], None)),
        Refusal::Damaged { .. }
    ));
    assert!(matches!(
        refusal(Purpose::Roster, &archive(&WORKBOOK[..1], None)),
        Refusal::Damaged { .. }
    ));
    let good = archive(&WORKBOOK, None);
    assert!(matches!(
        refusal(Purpose::Roster, &good[..good.len() - 1]),
        Refusal::Damaged { .. }
    ));
    assert!(matches!(
        refusal(Purpose::Roster, &join(&[&good, b"x"])),
        Refusal::Damaged { .. }
    ));
    assert_eq!(
        refusal(Purpose::Roster, &archive(&WORKBOOK, Some(500_000_000))),
        Refusal::Bomb
    );
}

#[test]
fn text_of_unknown_encoding_is_refused() {
    assert_eq!(
        refusal(Purpose::Roster, b"name,\xff\xff\xff\n"),
        Refusal::Encoding
    );
    let late = join(&[&[b'a'; 5000], b"\x00"]);
    assert_eq!(refusal(Purpose::Roster, &late), Refusal::Encoding);
}

#[test]
fn pdfs_that_act_are_refused() {
    let catalog_with = |key: &'static str, value: Object| {
        pdf(|document, catalog| document.get_dictionary_mut(catalog).unwrap().set(key, value))
    };
    let action = |kind: &str| Object::Dictionary(dictionary! { "S" => kind });
    for active in [
        catalog_with("OpenAction", action("JavaScript")),
        catalog_with("OpenAction", action("Launch")),
        catalog_with(
            "AA",
            Object::Dictionary(dictionary! { "WC" => action("SubmitForm") }),
        ),
        catalog_with(
            "Names",
            Object::Dictionary(dictionary! { "EmbeddedFiles" => vec![] }),
        ),
        catalog_with(
            "Names",
            Object::Dictionary(dictionary! { "JavaScript" => vec![] }),
        ),
        catalog_with("AcroForm", Object::Dictionary(dictionary! { "XFA" => vec![] })),
        pdf(|document, _| {
            document.add_object(Stream::new(
                dictionary! { "Type" => "EmbeddedFile" },
                b"MZ".to_vec(),
            ));
        }),
        pdf(|document, _| {
            document.add_object(vec![Object::Dictionary(dictionary! { "Subtype" => "RichMedia" })]);
        }),
    ] {
        assert_eq!(refusal(Purpose::Evidence, &active), Refusal::ActivePdf);
    }
    check(Purpose::Evidence, &catalog_with("OpenAction", action("GoTo"))).unwrap();
}

#[test]
fn pdfs_hidden_damaged_or_endless_are_refused() {
    let good = pdf(|_, _| {});
    assert_eq!(
        refusal(Purpose::Evidence, &good[..good.len() / 2]),
        Refusal::Polyglot
    );
    assert!(matches!(
        refusal(Purpose::Evidence, b"%PDF-1.7\nnothing\n%%EOF"),
        Refusal::Damaged { .. }
    ));
    let many = pdf(|document, _| {
        let pages = document.new_object_id();
        let page = dictionary! { "Type" => "Page", "Parent" => pages };
        let kids: Vec<Object> = (0..250)
            .map(|_| document.add_object(page.clone()).into())
            .collect();
        document.objects.insert(
            pages,
            dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => 250 }.into(),
        );
        document.catalog_mut().unwrap().set("Pages", pages);
    });
    assert!(matches!(
        refusal(Purpose::Evidence, &many),
        Refusal::TooManyPages { .. }
    ));
    let encrypted = pdf(|document, _| {
        document.trailer.set(
            "ID",
            vec![
                Object::string_literal("0123456789abcdef"),
                Object::string_literal("0123456789abcdef"),
            ],
        );
        let version = lopdf::EncryptionVersion::V1 {
            document,
            owner_password: "owner",
            user_password: "user",
            permissions: lopdf::Permissions::all(),
        };
        let state = lopdf::EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
    });
    let found = refusal(Purpose::Evidence, &encrypted);
    assert!(
        matches!(found, Refusal::Encrypted | Refusal::Damaged { .. }),
        "{found:?}"
    );
}

#[test]
fn our_own_documents_pass_the_check() {
    let drawing = crate::render::Drawing {
        template: crate::render::Template::Agreement2026,
        data: serde_json::json!({}),
        watermark: String::new(),
        time: time::OffsetDateTime::UNIX_EPOCH,
    };
    check(Purpose::Evidence, &crate::render::pdf(&drawing).unwrap()).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is sent is answered: changed honest files never crash the check.
    #[test]
    fn no_bytes_crash_the_check(which in 0..5_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24), cut in any::<prop::sample::Index>()) {
        let mut bytes = match which {
            0 => pdf(|_, _| {}),
            1 => encoded(ImageFormat::Png),
            2 => jpeg_with_exif(),
            3 => archive(&WORKBOOK, None),
            _ => "姓名,学号\n".as_bytes().to_vec(),
        };
        for (index, byte) in &changes {
            let at = index.index(bytes.len());
            bytes[at] = *byte;
        }
        if changes.len() % 3 == 0 {
            bytes.truncate(cut.index(bytes.len()) + 1);
        }
        for purpose in Purpose::ALL {
            let _outcome = check(purpose, &bytes);
        }
    }
}

#[test]
fn portraits_are_cut_from_the_middle_to_one_size_and_small_pictures_are_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let mut sent = Cursor::new(Vec::new());
        picture(900, 600).write_to(&mut sent, format).unwrap();
        let accepted = check(Purpose::Avatar, &sent.into_inner()).unwrap();
        assert_eq!(accepted.kind, Kind::Jpeg);
        let kept = image::load_from_memory(&accepted.rewritten.unwrap()).unwrap();
        assert_eq!((kept.width(), kept.height()), (295, 413));
    }
    let small = Refusal::TooSmall {
        width: 295,
        height: 413,
    };
    assert_eq!(refusal(Purpose::Avatar, &encoded(ImageFormat::Png)), small);
    assert_eq!(
        refusal(Purpose::Avatar, b"%PDF-1.7 no portrait"),
        Refusal::WrongKind {
            allowed: Purpose::Avatar.kinds_in_words()
        }
    );
}
