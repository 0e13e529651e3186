//! A program that opens an engine and sets a key.

fn main() {
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
}
