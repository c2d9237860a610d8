//! Style words for the corpora that the shipped models learn from; other folders keep their own names.

use super::catalogue::Row;

/// The style of a piece: by corpus folder and the row of its metadata, else `folder`.
pub fn style_of(corpus: &str, row: Option<&Row>, folder: &str) -> String {
    let column = |name: &str| row.and_then(|r| r.get(name)).map_or("", String::as_str);
    let word = match corpus {
        "jsb-chorales" => "chorale",
        "openhymnal" => "hymn",
        "openscore-lieder" => "artsong",
        "openscore-quartets" => "quartet",
        "mutopia-keyboard" => keyboard(column("style"), column("composer")),
        "openewld-pd" => lead_sheet(column("genre"), column("style")),
        "groove" => groove(column("style")),
        "drum-machine-patterns" => groove(&column("style").to_lowercase()),
        "freedoom-music" => "metal",
        "helland-game-music" => "game",
        "free-midi-chords" | "pop909" => "pop",
        "rock-corpus-chords" => "rock",
        _ => folder,
    };
    word.to_string()
}

fn keyboard(style: &str, composer: &str) -> &'static str {
    match style {
        _ if composer.starts_with("Joplin") => "ragtime",
        "Jazz" => "ragtime",
        "Baroque" | "Renaissance" => "baroque",
        "Classical" | "Technique" => "classical",
        _ => "romantic",
    }
}

fn lead_sheet(genre: &str, style: &str) -> &'static str {
    let swings = ["Big Band", "Swing", "Dixieland", "Ragtime", "Hard Bop", "Soul-Jazz", "Cool Jazz", "Bop", "Post Bop"];
    if genre == "Jazz" || genre == "Blues" || swings.iter().any(|s| style.contains(s)) { "jazz" } else { "song" }
}

fn groove(style: &str) -> &'static str {
    let table = [
        ("rock", "rock"),
        ("punk", "rock"),
        ("country", "rock"),
        ("blues", "rock"),
        ("funk", "funk"),
        ("soul", "funk"),
        ("gospel", "funk"),
        ("neworleans", "funk"),
        ("afrobeat", "funk"),
        ("jazz", "jazz"),
        ("swing", "jazz"),
        ("shuffle", "jazz"),
        ("hiphop", "hiphop"),
        ("latin", "latin"),
        ("afrocuban", "latin"),
        ("afro", "latin"),
        ("highlife", "latin"),
        ("middleeastern", "latin"),
        ("bossa", "latin"),
        ("samba", "latin"),
        ("reggae", "latin"),
    ];
    table.iter().find(|row| style.starts_with(row.0)).map_or("pop", |row| row.1)
}
