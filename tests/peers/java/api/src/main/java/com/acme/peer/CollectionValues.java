package com.acme.peer;

import static com.acme.peer.Values.add;
import static com.acme.peer.Values.addConstant;

import com.acme.zoo.Color;
import com.acme.zoo.Person;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.LinkedList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/** Lists, sets and maps by declared type and by the class that is really passed. */
final class CollectionValues {
    private CollectionValues() {}

    static void fill() {
        lists();
        typedLists();
        sets();
        maps();
        typedMaps();
        ofFactories();
    }

    @SafeVarargs
    static <T> List<T> list(T... v) { return new ArrayList<>(Arrays.asList(v)); }

    private static void lists() {
        addConstant("list_null", "echoList", null);
        add("list_array_list", "echoList", () -> list("a", 1, null, 2L, true, 1.5));
        add("list_array_list_empty", "echoList", ArrayList::new);
        add("list_linked_list", "echoList", () -> new LinkedList<>(Arrays.asList("linked", "list")));
        add("list_as_list", "echoList", () -> Arrays.asList("as", "list"));
        add("list_singleton", "echoList", () -> Collections.singletonList("single"));
        add("list_unmodifiable", "echoList", () -> Collections.unmodifiableList(list("unmodifiable")));
        add("list_synchronized", "echoList", () -> Collections.synchronizedList(list("synchronized")));
        add("list_n_copies", "echoList", () -> Collections.nCopies(3, "copy"));
        add("list_checked", "echoList", () -> Collections.checkedList(list("checked"), Object.class));
        add("list_sub_list", "echoList", () -> list("x", "sub", "list").subList(1, 3));
        add("list_tree_values", "echoCollection", () -> new TreeMap<>(ordered("values", "of a tree")).values());
        add("list_hash_values", "echoCollection", () -> new HashMap<>(ordered("hash value")).values());
        add("list_linked_values", "echoCollection", () -> ordered("z", "linked value").values());
        add("list_concurrent_values", "echoCollection", () -> new ConcurrentHashMap<>(ordered("concurrent value")).values());
        add("list_unmodifiable_collection", "echoCollection", () -> Collections.unmodifiableCollection(list("unmodifiable collection")));
        add("list_as_list_sub_list", "echoList", () -> Arrays.asList("x", "of as list").subList(1, 2));
        add("list_copy_on_write", "echoList", () -> new CopyOnWriteArrayList<>(list("copy", "on write")));
        add("list_7", "echoList", () -> list(1, 2, 3, 4, 5, 6, 7));
        add("list_8", "echoList", () -> list(1, 2, 3, 4, 5, 6, 7, 8));
        add("list_300", "echoList", () -> new ArrayList<>(Collections.nCopies(300, "n")));
        add("list_of_lists", "echoList", () -> list(list("in"), list(), list(list("deep"))));
        add("list_of_maps", "echoList", () -> list(map("k", 1), map("k", 2)));
        add("list_of_persons_untyped", "echoList", () -> list(new Person("Ada", 1), new Person("Bob", 2)));
        add("list_mixed_objects", "echoList", () -> list(Color.BLUE, new Date(5), new java.math.BigDecimal("1.50")));
        addConstant("collection_empty_list", "echoCollection", Collections.emptyList());
        add("collection_array_list", "echoCollection", () -> list("a", "b"));
        add("collection_hash_set", "echoCollection", () -> new HashSet<>(Arrays.asList("s", "t")));
    }

    private static void typedLists() {
        add("long_list", "echoLongList", () -> list(1L, 1L << 40, null));
        add("person_list", "echoPersonList", () -> list(ObjectValues.ada(), null, new Person("Bob", 2)));
        add("person_list_empty", "echoPersonList", ArrayList::new);
        add("person_list_shared", "echoPersonList", () -> {
            Person p = new Person("twin", 3);
            return list(p, p);
        });
        add("nested_list", "echoNestedList", () -> list(list(1, 2), list(), list(3)));
        add("declared_array_list", "echoArrayList", () -> list("a", "b"));
        add("declared_linked_list", "echoLinkedList", () -> new LinkedList<>(Arrays.asList("a", "b")));
    }

    private static void sets() {
        add("set_hash", "echoSet", () -> new HashSet<>(Arrays.asList("hash", "set")));
        add("set_hash_empty", "echoSet", HashSet::new);
        add("set_linked", "echoSet", () -> new LinkedHashSet<>(Arrays.asList("z", "linked", "a")));
        add("set_tree", "echoSet", () -> new TreeSet<>(Arrays.asList("tree", "set")));
        add("set_singleton", "echoSet", () -> Collections.singleton("single"));
        add("set_unmodifiable", "echoSet", () -> Collections.unmodifiableSet(new HashSet<>(Arrays.asList("un", "modifiable"))));
        add("set_key_set", "echoSet", () -> map("key", 1).keySet());
        add("set_linked_key_set", "echoSet", () -> ordered("z", "a").keySet());
        add("set_concurrent", "echoSet", () -> {
            Set<Object> set = ConcurrentHashMap.newKeySet();
            set.add("concurrent");
            return set;
        });
        add("set_from_map", "echoSet", () -> {
            Set<Object> set = Collections.newSetFromMap(new HashMap<>());
            set.add("from map");
            return set;
        });
        add("set_tree_key_set", "echoSet", () -> new TreeMap<>(ordered("tree", "key")).keySet());
        add("set_concurrent_key_set", "echoSet", () -> new ConcurrentHashMap<>(ordered("concurrent key")).keySet());
        add("set_tree_head", "echoSet", () -> new TreeSet<>(Arrays.asList("head", "tail")).headSet("tail"));
        add("set_tree_descending", "echoSet", () -> new TreeSet<>(Arrays.asList("de", "scending")).descendingSet());
        add("set_unmodifiable_sorted", "echoSet", () -> Collections.unmodifiableSortedSet(new TreeSet<>(Arrays.asList("un", "sorted"))));
        add("set_synchronized", "echoSet", () -> Collections.synchronizedSet(new HashSet<>(Arrays.asList("synchronized", "set"))));
        add("set_checked", "echoSet", () -> Collections.checkedSet(new HashSet<>(Arrays.asList("checked", "set")), String.class));
        addConstant("set_null", "echoSet", null);
        add("declared_hash_set", "echoHashSet", () -> new HashSet<>(Arrays.asList("a", "b")));
        add("declared_linked_hash_set", "echoLinkedHashSet", () -> new LinkedHashSet<>(Arrays.asList("b", "a")));
        add("declared_tree_set", "echoTreeSet", () -> new TreeSet<>(Arrays.asList("b", "a")));
    }

    private static void maps() {
        addConstant("map_null", "echoMap", null);
        add("map_hash", "echoMap", () -> map("a", 1));
        add("map_hash_empty", "echoMap", HashMap::new);
        add("map_linked", "echoMap", () -> {
            Map<Object, Object> m = new LinkedHashMap<>();
            m.put("z", 1L);
            m.put("a", null);
            m.put("m", list("x"));
            return m;
        });
        add("map_tree", "echoMap", () -> new TreeMap<>(map("tree", "map")));
        add("map_singleton", "echoMap", () -> Collections.singletonMap("single", 1));
        add("map_unmodifiable", "echoMap", () -> Collections.unmodifiableMap(map("unmodifiable", 1)));
        add("map_synchronized", "echoMap", () -> Collections.synchronizedMap(map("synchronized", 1)));
        add("map_checked", "echoMap", () -> Collections.checkedMap(map("checked", 1), Object.class, Object.class));
        add("map_tree_head", "echoMap", () -> new TreeMap<Object, Object>(ordered("head map", "tail")).headMap("tail"));
        add("map_tree_descending", "echoMap", () -> new TreeMap<Object, Object>(ordered("de", "scending map")).descendingMap());
        add("map_unmodifiable_sorted", "echoMap", () -> Collections.unmodifiableSortedMap(new TreeMap<Object, Object>(ordered("un", "sorted map"))));
        add("map_concurrent", "echoMap", () -> new ConcurrentHashMap<Object, Object>(ordered("concurrent map")));
        add("map_true_first", "echoMap", () -> {
            Map<Object, Object> m = new LinkedHashMap<>();
            m.put(true, "yes");
            m.put("after", 1);
            return m;
        });
        add("map_int_keys", "echoMap", () -> {
            Map<Object, Object> m = new HashMap<>();
            for (int i = 0; i < 20; i++) m.put(i, "v" + i);
            return m;
        });
        add("map_null_key", "echoMap", () -> map(null, "none"));
        add("map_nested", "echoMap", () -> map("m", map("x", list(1, map("y", false)))));
        add("map_person_value", "echoMap", () -> map("p", new Person("Ada", 1)));
    }

    private static void typedMaps() {
        add("person_map", "echoPersonMap", () -> {
            Map<String, Person> m = new HashMap<>();
            m.put("ada", ObjectValues.ada());
            m.put("nobody", null);
            return m;
        });
        add("persons_by_name", "echoPersonsByName", () -> {
            Map<String, List<Person>> m = new HashMap<>();
            m.put("two", list(new Person("Ada", 1), new Person("Bob", 2)));
            return m;
        });
        add("declared_hash_map", "echoHashMap", () -> numbered(new HashMap<>()));
        add("declared_linked_hash_map", "echoLinkedHashMap", () -> numbered(new LinkedHashMap<>()));
        add("declared_tree_map", "echoTreeMap", () -> numbered(new TreeMap<>()));
        add("declared_concurrent_map", "echoConcurrentMap", () -> numbered(new ConcurrentHashMap<>()));
    }

    /** `List.of` and its kin, where the platform has them (since Java 9). */
    private static void ofFactories() {
        if (System.getProperty("java.specification.version").startsWith("1.")) return;
        add("list_of_one", "echoList", () -> of(List.class, Object.class, "of one"));
        add("list_of_three", "echoList", () -> of(List.class, Object[].class, new Object[] {"of", "three", "here"}));
        add("set_of_one", "echoSet", () -> of(Set.class, Object.class, "of one"));
        add("map_of_none", "echoPersonMap", () -> of(Map.class, null, null));
        add("map_of_two", "echoMap", () -> mapOf("x", 1, "y", 2));
    }

    private static Object of(Class<?> type, Class<?> parameter, Object argument) {
        try {
            return parameter == null ? type.getMethod("of").invoke(null) : type.getMethod("of", parameter).invoke(null, argument);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Object mapOf(Object k, Object v, Object l, Object w) {
        try {
            return Map.class.getMethod("of", Object.class, Object.class, Object.class, Object.class).invoke(null, k, v, l, w);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Map<String, String> ordered(String... keys) {
        Map<String, String> m = new LinkedHashMap<>();
        for (String key : keys) m.put(key, key);
        return m;
    }

    static Map<Object, Object> map(Object key, Object value) {
        Map<Object, Object> m = new HashMap<>();
        m.put(key, value);
        return m;
    }

    private static <M extends Map<String, Integer>> M numbered(M m) {
        m.put("one", 1);
        m.put("two", 2);
        return m;
    }
}
