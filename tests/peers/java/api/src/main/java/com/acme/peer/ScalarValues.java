package com.acme.peer;

import static com.acme.peer.Values.addConstant;

import com.acme.zoo.Color;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/** Primitives, boxes, strings and other single values. */
final class ScalarValues {
    private ScalarValues() {}

    static void fill() {
        primitives();
        floating();
        boxes();
        strings();
        numbers();
        others();
    }

    private static void primitives() {
        addConstant("boolean_true", "echoBoolean", true);
        addConstant("boolean_false", "echoBoolean", false);
        addConstant("byte_zero", "echoByte", (byte) 0);
        addConstant("byte_max", "echoByte", Byte.MAX_VALUE);
        addConstant("byte_min", "echoByte", Byte.MIN_VALUE);
        addConstant("short_max", "echoShort", Short.MAX_VALUE);
        addConstant("short_min", "echoShort", Short.MIN_VALUE);
        addConstant("char_ascii", "echoChar", 'q');
        addConstant("char_cjk", "echoChar", '\u4e2d');
        for (int v : new int[] {0, -16, 47, 48, -2048, 2047, 2048, -262144, 262143, 262144}) addConstant("int_" + signed(v), "echoInt", v);
        addConstant("int_max", "echoInt", Integer.MAX_VALUE);
        addConstant("int_min", "echoInt", Integer.MIN_VALUE);
        for (long v : new long[] {0, -8, 15, 16, -2048, 2047, 2048, 262143, 262144}) addConstant("long_" + signed(v), "echoLong", v);
        addConstant("long_int_max", "echoLong", (long) Integer.MAX_VALUE);
        addConstant("long_over_int", "echoLong", 1L << 31);
        addConstant("long_over_2p53", "echoLong", (1L << 53) + 1);
        addConstant("long_max", "echoLong", Long.MAX_VALUE);
        addConstant("long_min", "echoLong", Long.MIN_VALUE);
    }

    private static String signed(long v) { return v < 0 ? "minus_" + -v : Long.toString(v); }

    private static void floating() {
        addConstant("float_zero", "echoFloat", 0f);
        addConstant("float_tenth", "echoFloat", 0.1f);
        addConstant("float_max", "echoFloat", Float.MAX_VALUE);
        addConstant("float_smallest", "echoFloat", Float.MIN_VALUE);
        addConstant("float_nan", "echoFloat", Float.NaN);
        addConstant("double_zero", "echoDouble", 0.0);
        addConstant("double_minus_zero", "echoDouble", -0.0);
        addConstant("double_one", "echoDouble", 1.0);
        addConstant("double_byte", "echoDouble", -128.0);
        addConstant("double_short", "echoDouble", 32767.0);
        addConstant("double_milli", "echoDouble", 3.25);
        addConstant("double_tenth", "echoDouble", 0.1);
        addConstant("double_max", "echoDouble", Double.MAX_VALUE);
        addConstant("double_smallest", "echoDouble", Double.MIN_VALUE);
        addConstant("double_nan", "echoDouble", Double.NaN);
        addConstant("double_infinity", "echoDouble", Double.POSITIVE_INFINITY);
        addConstant("double_minus_infinity", "echoDouble", Double.NEGATIVE_INFINITY);
    }

    private static void boxes() {
        box("boolean_box", "echoBooleanBox", Boolean.TRUE);
        box("byte_box", "echoByteBox", (byte) -3);
        box("short_box", "echoShortBox", (short) 300);
        box("char_box", "echoCharBox", 'q');
        box("int_box", "echoIntBox", 70000);
        box("long_box", "echoLongBox", 5L);
        box("float_box", "echoFloatBox", 2.5f);
        box("double_box", "echoDoubleBox", 3.25);
        addConstant("float_box_tenth", "echoFloatBox", 0.1f);
    }

    private static void box(String name, String method, Object value) {
        addConstant(name, method, value);
        addConstant(name + "_null", method, null);
    }

    private static void strings() {
        addConstant("string_null", "echoString", null);
        addConstant("string_empty", "echoString", "");
        addConstant("string_ascii", "echoString", "hello");
        addConstant("string_31", "echoString", repeat("a", 31));
        addConstant("string_32", "echoString", repeat("b", 32));
        addConstant("string_1023", "echoString", repeat("c", 1023));
        addConstant("string_1024", "echoString", repeat("d", 1024));
        addConstant("string_cjk", "echoString", "\u4e2d\u6587\u5b57\u7b26");
        addConstant("string_latin", "echoString", "na\u00efve \u00e9t\u00e9");
        addConstant("string_emoji", "echoString", "a\ud83d\ude00b\ud834\udd1e");
        addConstant("string_emoji_first", "echoString", "\ud83d\ude00");
        addConstant("string_lone_high", "echoString", "x\ud83dy");
        addConstant("string_lone_low", "echoString", "x\ude00y");
        addConstant("string_nul", "echoString", "x\u0000y");
        addConstant("string_controls", "echoString", "\t\r\n\"\\/\u007f\u2028");
        addConstant("string_32767", "echoString", repeat("e", 32767));
        addConstant("string_32768", "echoString", repeat("f", 32768));
        addConstant("string_32768_pair", "echoString", repeat("g", 32767) + "\ud83d\ude00z");
        addConstant("string_70k", "echoString", repeat("0123456789", 7168));
        addConstant("string_70k_cjk", "echoString", repeat("\u4e2d", 70000) + "\ud83d\ude00");
    }

    private static void numbers() {
        addConstant("bigdecimal", "echoBigDecimal", new BigDecimal("12345678901234567890.0100"));
        addConstant("bigdecimal_exponent", "echoBigDecimal", new BigDecimal("-1E+30"));
        addConstant("bigdecimal_zero", "echoBigDecimal", BigDecimal.ZERO);
        addConstant("bigdecimal_null", "echoBigDecimal", null);
        addConstant("biginteger", "echoBigInteger", new BigInteger("-123456789012345678901234567890"));
        addConstant("biginteger_zero", "echoBigInteger", BigInteger.ZERO);
        addConstant("biginteger_long", "echoBigInteger", BigInteger.valueOf(Long.MAX_VALUE));
    }

    private static void others() {
        addConstant("uuid", "echoUuid", UUID.fromString("00112233-4455-6677-8899-aabbccddeeff"));
        addConstant("uuid_zero", "echoUuid", new UUID(0, 0));
        addConstant("locale", "echoLocale", Locale.SIMPLIFIED_CHINESE);
        addConstant("locale_language", "echoLocale", Locale.ENGLISH);
        addConstant("class_string", "echoClass", String.class);
        addConstant("class_int_array", "echoClass", int[].class);
        addConstant("enum", "echoColor", Color.RED);
        addConstant("enum_body", "echoColor", Color.GREEN);
        addConstant("enum_null", "echoColor", null);
        addConstant("optional", "echoOptional", Optional.of("x"));
        addConstant("optional_empty", "echoOptional", Optional.empty());
    }

    static String repeat(String unit, int times) {
        StringBuilder out = new StringBuilder(unit.length() * times);
        for (int i = 0; i < times; i++) out.append(unit);
        return out.toString();
    }
}
