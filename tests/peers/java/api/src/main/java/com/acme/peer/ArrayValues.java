package com.acme.peer;

import static com.acme.peer.Values.add;
import static com.acme.peer.Values.addConstant;

import com.acme.zoo.Color;
import com.acme.zoo.Person;
import java.util.Date;

/** Arrays of primitives and objects, binary data. */
final class ArrayValues {
    private ArrayValues() {}

    static void fill() {
        binary();
        primitives();
        objects();
    }

    private static void binary() {
        for (int size : new int[] {0, 10, 15, 16, 1023, 1024, 32768}) add("bytes_" + size, "echoBytes", () -> bytes(size));
        add("bytes_1m", "echoBytes", () -> bytes(1 << 20));
        addConstant("bytes_null", "echoBytes", null);
    }

    private static byte[] bytes(int size) {
        byte[] out = new byte[size];
        for (int i = 0; i < size; i++) out[i] = (byte) (i % 251);
        return out;
    }

    private static void primitives() {
        add("booleans", "echoBooleans", () -> new boolean[] {true, false, true});
        add("shorts", "echoShorts", () -> new short[] {1, -1, Short.MAX_VALUE});
        add("chars", "echoChars", () -> new char[] {'a', '\u4e2d', '\ud83d', '\ude00'});
        add("ints", "echoInts", () -> new int[] {1, -1, 70000, Integer.MIN_VALUE});
        add("ints_empty", "echoInts", () -> new int[0]);
        add("ints_300", "echoInts", () -> new int[300]);
        add("longs", "echoLongs", () -> new long[] {1, 1L << 40, Long.MIN_VALUE});
        add("floats", "echoFloats", () -> new float[] {0.1f, -1.5f, Float.NaN});
        add("doubles", "echoDoubles", () -> new double[] {0.1, 1, Double.NEGATIVE_INFINITY});
    }

    private static void objects() {
        add("strings", "echoStrings", () -> new String[] {"a", null, "\u4e2d", ""});
        add("strings_empty", "echoStrings", () -> new String[0]);
        addConstant("strings_null", "echoStrings", null);
        add("int_boxes", "echoIntBoxes", () -> new Integer[] {1, null, -70000});
        add("long_boxes", "echoLongBoxes", () -> new Long[] {1L, null, 1L << 40});
        add("objects", "echoObjects", () -> new Object[] {1, "x", null, 2L, true, 1.5});
        add("objects_nested", "echoObjects", () -> new Object[] {new Object[] {"in"}, new int[] {1}, new Person("Ada", 1)});
        add("objects_empty", "echoObjects", () -> new Object[0]);
        add("dates", "echoDates", () -> new Date[] {new Date(1), null, new Date(60000)});
        add("enums", "echoColors", () -> new Color[] {Color.RED, Color.BLUE, null, Color.RED});
        add("enums_body", "echoColors", () -> new Color[] {Color.GREEN});
        add("person_array", "echoPersonArray", () -> new Person[] {ObjectValues.ada(), null, new Person("Bob", 2)});
        add("person_array_empty", "echoPersonArray", () -> new Person[0]);
        add("int_grid", "echoIntGrid", () -> new int[][] {{1}, {}, {2, 3}, null});
        add("string_grid", "echoStringGrid", () -> new String[][] {{"a", null}, {"b"}});
    }
}
