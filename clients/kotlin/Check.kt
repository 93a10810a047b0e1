// Compares WordPiece.kt with a table of texts that tfapps tokenized: java CheckKt FOLDER.
import java.io.File
import tfapps.WordPiece

/** Undoes the escapes \uXXXX of a table. */
fun unescaped(text: String): String =
    Regex("""\\u([0-9a-f]{4})""").replace(text) { it.groupValues[1].toInt(16).toChar().toString() }

fun main(arguments: Array<String>) {
    var wrong = 0
    var rows = 0
    for (name in listOf("stripped", "accented")) {
        val vocabulary = File(arguments[0], "$name.vocab.txt").readText().trimEnd('\n').split("\n")
        val tokenizer = WordPiece(vocabulary, stripAccents = name == "stripped")
        for (line in File(arguments[0], "$name.tsv").readLines().drop(1)) {
            val (text, expected) = line.split("\t", limit = 2)
            val pieces = tokenizer.pieces(unescaped(text)).joinToString(" ") { "${it.id}:${it.start}-${it.end}" }
            rows++
            if (pieces != expected) {
                wrong++
                println("$name: $text\n  expected $expected\n  got      $pieces")
            }
        }
    }
    println("$rows rows, $wrong wrong")
}
