// The WordPiece tokenizer of BERT, as tfapps runs it, with the place of every piece in the text.
// No dependency but java.text. Copy this file into an app; docs/how_to/android.md says how.
package tfapps

import java.text.Normalizer

/** A piece of a text: its id, and the part of the text it is of, `text.substring(start, end)`. */
data class Piece(val id: Int, val start: Int, val end: Int)

/** What a file takes: ids and mask of one row, and the pieces that they are of. */
class Row(val ids: IntArray, val mask: IntArray, val pieces: List<Piece>)

/**
 * Splits texts as the tokenizer of a tfapps run does.
 *
 * @param pieces the lines of `vocab.txt`, in their order.
 * @param lowercase whether the vocabulary has no capitals.
 * @param stripAccents whether it has no accents: BERT's own uncased vocabularies have none; those
 *   that tfapps learned have, unless `text.strip_accents` is true.
 */
class WordPiece(
    pieces: List<String>,
    private val lowercase: Boolean = true,
    private val stripAccents: Boolean = lowercase,
    private val longestWord: Int = 100
) {
    private val ids = HashMap<String, Int>().apply { pieces.forEachIndexed { id, piece -> put(piece, id) } }
    private val unknown = id("[UNK]")
    private val first = id("[CLS]")
    private val last = id("[SEP]")
    private val padding = id("[PAD]")

    /** Normalized characters; each knows the UTF-16 units of the text that it comes from. */
    private class Letter(val code: Int, val start: Int, val end: Int)

    /** Returns the pieces of a text, without special ones. */
    fun pieces(text: String): List<Piece> {
        val result = ArrayList<Piece>()
        for (word in words(normalized(text))) addPieces(word, result)
        return result
    }

    /** Returns the row of a text: cut and padded to the length of the file. */
    fun encode(text: String, length: Int): Row {
        // A text without a word is one unknown piece: a row of padding has no answer.
        val kept = pieces(text).take(length - 2).ifEmpty { listOf(Piece(unknown, 0, text.length)) }
        val row = IntArray(length) { padding }
        row[0] = first
        kept.forEachIndexed { i, piece -> row[i + 1] = piece.id }
        row[kept.size + 1] = last
        return Row(row, IntArray(length) { if (it < kept.size + 2) 1 else 0 }, kept)
    }

    private fun id(piece: String) =
        ids[piece] ?: throw IllegalArgumentException("the vocabulary has no $piece: is it vocab.txt of a BERT file?")

    private fun normalized(text: String): List<Letter> {
        val cleaned = ArrayList<Letter>()
        var place = 0
        while (place < text.length) {
            val code = text.codePointAt(place)
            val end = place + Character.charCount(code)
            if (isSpace(code)) cleaned.add(Letter(SPACE, place, end))
            else if (!isControl(code)) {
                // Each ideograph is a word.
                if (isIdeograph(code)) cleaned.add(Letter(SPACE, place, end))
                cleaned.add(Letter(code, place, end))
                if (isIdeograph(code)) cleaned.add(Letter(SPACE, place, end))
            }
            place = end
        }
        val letters = ArrayList<Letter>()
        for (c in cleaned) {
            if (!stripAccents) letters.add(c)
            else for (part in codes(Normalizer.normalize(string(c.code), Normalizer.Form.NFD)))
                if (Character.getType(part) != Character.NON_SPACING_MARK.toInt())
                    letters.add(Letter(part, c.start, c.end))
        }
        val lowered = if (!lowercase) letters else letters.flatMap { c ->
            // Only this capital becomes two characters.
            if (c.code == DOTTED_I) listOf(Letter('i'.code, c.start, c.end), Letter(DOT, c.start, c.end))
            else listOf(Letter(Character.toLowerCase(c.code), c.start, c.end))
        }
        return if (stripAccents) lowered else composed(lowered)
    }

    /** Composes letters and accents; a composed letter is where the first of its parts is. */
    private fun composed(letters: List<Letter>): List<Letter> {
        val result = ArrayList<Letter>()
        var from = 0
        while (from < letters.size) {
            var to = from + 1
            while (to < letters.size && joins(letters[to].code)) to++
            val cluster = StringBuilder()
            for (i in from until to) cluster.appendCodePoint(letters[i].code)
            val codes = codes(Normalizer.normalize(cluster, Normalizer.Form.NFC))
            // Accents that stay by themselves are the last ones.
            val skipped = to - from - codes.size
            codes.forEachIndexed { i, code ->
                val part = letters[if (i == 0) from else maxOf(from, from + i + skipped)]
                result.add(Letter(code, part.start, part.end))
            }
            from = to
        }
        return result
    }

    private fun words(letters: List<Letter>): List<List<Letter>> {
        val words = ArrayList<List<Letter>>()
        var word = ArrayList<Letter>()
        for (c in letters) {
            val alone = isPunctuation(c.code)
            if ((alone || isSpace(c.code)) && word.isNotEmpty()) {
                words.add(word)
                word = ArrayList()
            }
            if (alone) words.add(listOf(c)) else if (!isSpace(c.code)) word.add(c)
        }
        if (word.isNotEmpty()) words.add(word)
        return words
    }

    /** Takes the longest piece of the vocabulary each time; a word with an unknown rest is unknown. */
    private fun addPieces(word: List<Letter>, result: MutableList<Piece>) {
        val found = ArrayList<Piece>()
        var from = 0
        while (from < word.size && word.size <= longestWord) {
            var to = word.size
            var id: Int? = null
            while (to > from) {
                val piece = StringBuilder(if (from > 0) "##" else "")
                for (i in from until to) piece.appendCodePoint(word[i].code)
                id = ids[piece.toString()]
                if (id != null) break
                to--
            }
            if (id == null) break
            found.add(Piece(id, word[from].start, word[to - 1].end))
            from = to
        }
        if (from == word.size) result.addAll(found)
        else result.add(Piece(unknown, word.first().start, word.last().end))
    }

    private companion object {
        const val SPACE = 0x20
        const val DOTTED_I = 0x130
        const val DOT = 0x307
        val MARKS = setOf(Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK)
        val CONTROLS = setOf(Character.CONTROL, Character.FORMAT, Character.PRIVATE_USE, Character.SURROGATE)
        val PUNCTUATION = setOf(
            Character.CONNECTOR_PUNCTUATION, Character.DASH_PUNCTUATION, Character.START_PUNCTUATION,
            Character.END_PUNCTUATION, Character.INITIAL_QUOTE_PUNCTUATION,
            Character.FINAL_QUOTE_PUNCTUATION, Character.OTHER_PUNCTUATION
        )
        val SYMBOLS = "$+<=>^`|~".map { it.code }.toSet() // BERT takes these for punctuation too

        fun type(code: Int) = Character.getType(code).toByte()
        fun string(code: Int) = String(Character.toChars(code))
        fun codes(text: String): IntArray = text.codePoints().toArray()

        fun isSpace(code: Int) =
            code in 0x09..0x0D && code != 0x0B && code != 0x0C || Character.isSpaceChar(code)

        fun isControl(code: Int) = code == 0xFFFD || type(code) in CONTROLS

        fun isPunctuation(code: Int) = type(code) in PUNCTUATION || code in SYMBOLS

        // Also the vowels and last consonants of Hangul, which are no marks.
        fun joins(code: Int) = type(code) in MARKS || code in 0x1160..0x11FF

        fun isIdeograph(code: Int) =
            code in 0x4E00..0x9FFF || code in 0x3400..0x4DBF || code in 0x20000..0x2A6DF ||
                code in 0x2A700..0x2B73F || code in 0x2B740..0x2B81F || code in 0x2B920..0x2CEAF ||
                code in 0xF900..0xFAFF || code in 0x2F800..0x2FA1F
    }
}
