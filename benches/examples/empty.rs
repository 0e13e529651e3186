//! A program that does nothing: what `footprint` is compared with.

fn main() {
    println!("ready");
    let _ = std::io::stdin().read_line(&mut String::new());
}
