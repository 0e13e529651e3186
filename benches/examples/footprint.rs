//! A program that opens an engine and sets a key.

use larder::Larder;

fn main() -> larder::Result<()> {
    let larder = Larder::new();
    let app = larder.namespace("app")?;
    app.strings().set("key", "value")?;

    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
    Ok(())
}
