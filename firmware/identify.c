/* Who the device is and what it can do, as JSON: the capabilities of plexgrad.lab. */
#include "identify.h"
#include "config.h"
#include "network.h"
#include "samples.h"
#include "wire.h"

static void put_member(const char *name, u32 value)
{
    put_words(",\"");
    put_words(name);
    put_words("\":");
    put_decimal(value);
}

static void put_group(const char *name, u32 number, u32 rows, u32 columns)
{
    put_words("{\"name\":\"");
    put_words(name);
    put_decimal(number);
    put_words("\",\"shape\":[");
    if (rows) {
        put_decimal(rows);
        put_words(",");
    }
    put_decimal(columns);
    put_words("],\"low\":-3.96875,\"high\":3.96875,\"step\":4.76837158203125e-07,"
              "\"start\":[-0.5,0.5]}");
}

static void put_capabilities(void)
{
    put_words("\"capabilities\":{\"groups\":[");
    for (u32 layer = 0; layer < network_layers(); layer++) {
        u32 rows, columns;
        network_shape(layer, &rows, &columns);
        if (layer)
            put_words(",");
        put_group("w", layer + 1, rows, columns);
        put_words(",");
        put_group("b", layer + 1, 0, columns);
    }
    put_words("],\"returns\":[\"cost\",\"outputs\",\"hits\"],\"amplitude_low\":0.125,"
              "\"amplitude_high\":3.96875,\"amplitude_step\":0.03125,"
              "\"update_step\":4.76837158203125e-07,\"makes_codes\":[\"rademacher\"],"
              "\"holds_data\":true,\"applies_updates\":true,\"fused\":true,"
              "\"autonomous\":true,\"follows_codes\":true,\"deterministic\":true");
    put_member("inputs", inputs);
    put_member("outputs", outputs);
    put_member("max_rows", ROWS_MAX);
    put_member("max_samples", samples_room());
    if (config()->bytes_per_s)
        put_member("bytes_per_s", config()->bytes_per_s);
    if (config()->samples_per_s)
        put_member("sample_rate_hz", config()->samples_per_s);
    put_words(config()->simulated ? ",\"simulated\":true}" : "}");
}

static void put_identity(void)
{
    put_words("\"identity\":{\"vendor\":\"plexgrad\",\"model\":\"Cortex-M3 int8 MLP ");
    for (u32 layer = 0; layer < config()->count; layer++) {
        if (layer)
            put_words("-");
        put_decimal(config()->sizes[layer]);
    }
    put_words("\",\"serial\":\"");
    put_words(config()->serial);
    put_words("\",\"firmware\":\"2\"}");
}

/* A word as text, its highest byte first, or its lowest, as it crosses the wire. */
static void put_hex(u32 word, int wire)
{
    for (int byte = 0; byte < 4; byte++) {
        u32 value = word >> 8 * (wire ? byte : 3 - byte) & 0xFF;
        put_byte("0123456789abcdef"[value >> 4]);
        put_byte("0123456789abcdef"[value & 15]);
    }
}

static void put_session(const struct session *session, const u32 *token)
{
    put_words("\"frame\":2,\"parts\":true,\"to\":\"");
    put_hex(token[1], 0);
    put_hex(token[0], 0);
    put_words("\",\"session\":\"");
    put_hex(session->words[0], 1);
    put_hex(session->words[1], 1);
    put_words("\"");
    put_member("room", FRAME_MAX);
}

void put_hello(const struct session *session, u32 version, const u32 *token, u32 last, u32 made)
{
    put_words("{");
    if (version == 2) {
        put_session(session, token);
        put_member("made", made);
    } else {
        put_words("\"session\":");
        put_decimal(session->number);
    }
    put_member("boot", config()->boot);
    put_member("last", last);
    put_words(",");
    put_identity();
    put_words(",");
    put_capabilities();
    put_words("}");
}
