"""A whole translator as one graph: the likeliest token each time, until the end."""

from __future__ import annotations

from typing import Any

from tfapps.decoding import beam

SIGNATURE = "translate"


class Greedy:
    """Encoder and decoder's step in a loop, with what `_module.save` asks of a model.

    Says what `decoding.search` with a beam of 1 does, the same limits included.

    Shapes: token_ids, padding_mask (b, s) -> target_ids (b, limit) int32, zeros behind the end;
    length (b,) int32, tokens before the end; log_prob (b,), the end counted; attention
    (b, limit + 1, s) of every token and of the end, zeros behind it.

    Args:
        limit: most tokens of an answer.
    """

    def __init__(self, encoder: Any, step: Any, start_id: int, end_id: int, limit: int) -> None:
        self.inputs = encoder.inputs
        self.variables = [*encoder.variables, *step.variables]
        self._encoder, self._decoder = encoder, step
        self._start, self._end, self._limit = start_id, end_id, limit
        self._states = sorted(step.output.keys() - {"logits", "attention"})

    def __call__(self, features: dict[str, Any], training: bool = False) -> dict[str, Any]:
        import tensorflow as tf

        context = self._encoder(features, training=False)
        states = {name: context.pop(name) for name in self._states}
        lengths = tf.reduce_sum(features["padding_mask"], axis=1)
        limits = tf.minimum(beam.TIMES * lengths + beam.MORE, self._limit)

        def step(state: dict[str, Any]) -> list[dict[str, Any]]:
            return [self._step(state, context, limits)]

        first = {**self._nothing(features), **states}
        (state,) = tf.while_loop(lambda state: tf.reduce_any(state["open"]), step, [first])
        return {name: state[name] for name in ("target_ids", "length", "log_prob", "attention")}

    def _nothing(self, features: dict[str, Any]) -> dict[str, Any]:
        """Return what the loop carries beside the states, before the first step."""
        import tensorflow as tf

        token_ids = features["token_ids"]
        # The converter wants numbers where there are numbers.
        rows, places = (size or tf.shape(token_ids)[i] for i, size in enumerate(token_ids.shape))
        return {
            "place": tf.constant(0),
            "token_ids": tf.fill([rows], self._start),
            "open": tf.fill([rows], True),
            "target_ids": tf.zeros([rows, self._limit], tf.int32),
            "length": tf.zeros([rows], tf.int32),
            "log_prob": tf.zeros([rows]),
            "attention": tf.zeros([rows, self._limit + 1, places]),
        }

    def _step(self, state: dict[str, Any], context: dict[str, Any], limits: Any) -> dict[str, Any]:
        import tensorflow as tf

        inputs = {name: state[name] for name in ("token_ids", *self._states)}
        outputs = self._decoder({**inputs, **context}, training=False)
        log_probs = tf.nn.log_softmax(tf.cast(outputs["logits"], tf.float32))
        place, is_open = state["place"], state["open"]
        full = place >= limits  # nothing but the end is left
        token_ids = tf.where(full, self._end, tf.argmax(log_probs, -1, output_type=tf.int32))
        log_prob = tf.where(full, log_probs[:, self._end], tf.reduce_max(log_probs, axis=-1))
        goes_on = tf.logical_and(is_open, token_ids != self._end)
        at_place = tf.range(self._limit + 1)[None] == place  # (1, limit + 1)
        writes = tf.logical_and(at_place[:, :-1], goes_on[:, None])
        looked = tf.logical_and(at_place, is_open[:, None])[:, :, None]
        attention = tf.cast(outputs["attention"], tf.float32)[:, None]
        return {
            "place": place + 1,
            "token_ids": token_ids,
            "open": goes_on,
            "target_ids": tf.where(writes, token_ids[:, None], state["target_ids"]),
            "length": state["length"] + tf.cast(goes_on, tf.int32),
            "log_prob": state["log_prob"] + tf.where(is_open, log_prob, 0.0),
            "attention": tf.where(looked, attention, state["attention"]),
            **{name: outputs[name] for name in self._states},
        }
